package chat

import (
	"context"
	"fmt"
	"time"

	"fettle/data/recipe"
	"fettle/internal/fault"
	"fettle/model"
	"fettle/model/generate"
	"fettle/model/serve"
)

// Question holds a prompt and the settings of its answer.
type Question struct {
	Prompt   []int32
	Sampling Sampling
	Continue bool // the answer continues a text: its leading space stays
	Echo     bool // the prompt counts too: Logprobs has its tokens, MaxNewTokens may be 0
	Logprobs *int // see serve.Request
}

// Answer is the answer to a question.
type Answer struct {
	Text    string
	Reason  string // why it ended: one of generate's reasons
	Tokens  int
	Waited  time.Duration // until the first token
	Elapsed time.Duration

	Logprobs *serve.Logprobs
}

// Speed returns tokens per second.
func (a Answer) Speed() float64 { return float64(a.Tokens) / max(a.Elapsed.Seconds(), 1e-9) }

// Conversation answers questions one after another. The tokens that a prompt has in common with the last prompt and its
// answer, from the beginning on, are not decoded again; the answers are the same bits.
type Conversation struct {
	*Model
	session *model.Session
	decoded []int32
}

// Converse begins a conversation.
func (m *Model) Converse() *Conversation {
	return &Conversation{Model: m, session: m.Weights.NewSession(m.Capacity())}
}

// Ask answers a question and writes the text as it comes.
func (c *Conversation) Ask(ctx context.Context, q Question, write func(text string) error) (a Answer, err error) {
	limit := q.Sampling.MaxNewTokens
	if q.Echo {
		q.Sampling.MaxNewTokens = max(limit, 1)
	}
	sampler, err := q.Sampling.sampler(c.vocabulary())
	if err != nil {
		return a, err
	}
	if q.Sampling.JSON {
		if sampler.Grammar, err = generate.NewJSON(sampler.Vocab.Size, c.Tokenizer.Text, c.Ends()); err != nil {
			return a, fault.Mark(err, fault.Input)
		}
	}
	if n, most := len(q.Prompt), c.Capacity(); n == 0 || n >= most {
		err := fmt.Errorf("the prompt has %d tokens, want 1 to %d for a context of %d", n, most-1, most)
		return a, fault.Mark(err, fault.Input)
	}
	if err := c.Tokenizer.Within(q.Prompt, c.Weights.Config().Vocab); err != nil {
		return a, fault.Mark(fmt.Errorf("the prompt: %w", err), fault.Input)
	}
	reused := 0 // tokens of the prompt that were decoded for an earlier question
	for reused < min(len(c.decoded), len(q.Prompt)-1) && c.decoded[reused] == q.Prompt[reused] {
		reused++
	}
	c.session.Truncate(reused)
	c.session.Reserve(len(q.Prompt) + limit)
	all := append([]int32(nil), q.Prompt...)
	defer func() { c.decoded = all[:min(len(all), c.session.Len())] }()
	c.session.Interrupted = ctx.Err
	defer func() { c.session.Interrupted = nil }()
	began := time.Now()
	score := c.newScorer(q)
	if reused, err = score.prompt(ctx, q, reused); err != nil {
		return a, err
	}
	tokens, reason := generate.Tokens(ctx, score, sampler, q.Prompt, generate.Options{
		MaxNewTokens: limit, Room: c.Capacity(), EOS: c.Ends(), Ended: score.add, Decoded: reused,
	})
	defer func() { a.Logprobs = score.out }()
	stream := c.Tokenizer.NewStream()
	if q.Continue {
		stream = c.Tokenizer.Resume()
	}
	stop := generate.NewStop(append(c.stops(), q.Sampling.Stop...))
	show := func(text string, ended bool) error {
		a.Text += text
		if ended {
			a.Reason = generate.StopString
		}
		if text == "" {
			return nil
		}
		return write(text)
	}
	for token, err := range tokens {
		if err != nil {
			return a, err
		}
		if a.Tokens++; a.Tokens == 1 {
			a.Waited = time.Since(began)
		}
		all = append(all, token)
		score.add(token)
		if err := show(stop.Push(stream.Push(token))); err != nil {
			return a, err
		}
		if g := sampler.Grammar; a.Reason == "" && g != nil && g.Done() {
			a.Reason = generate.EndOfText
		}
		if a.Reason != "" {
			break
		}
	}
	if a.Elapsed = time.Since(began); a.Tokens == 0 {
		a.Waited = a.Elapsed
	}
	if a.Reason == "" {
		err = show(stop.Push(stream.Flush()))
	}
	if a.Reason == "" && err == nil {
		a.Reason = *reason
		err = show(stop.Flush(), false)
	}
	return a, err
}

// Fit renders a dialogue and leaves room tokens for the answer, half of the context at least. If it must, it removes
// the first turns from the dialogue, up to a question, and returns their number.
func (c *Conversation) Fit(d *recipe.Conversation, room int) (prompt []int32, forgotten int, err error) {
	limit := max(c.Capacity()-room, c.Capacity()/2)
	for {
		prompt, err = c.Render(*d)
		if err != nil || len(prompt) < limit || len(d.Turns) < 3 {
			return prompt, forgotten, err
		}
		n := 1
		if len(prompt) >= 2*limit {
			n = len(d.Turns) / 2 // far too long: not turn by turn
		}
		for n < len(d.Turns)-1 && d.Turns[n].Role != recipe.User {
			n++
		}
		d.Turns = d.Turns[n:]
		forgotten += n
	}
}
