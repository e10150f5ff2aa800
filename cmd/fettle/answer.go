package main

import (
	"context"
	"fmt"
	"time"

	"fettle/model"
	"fettle/model/generate"
)

// drawing are the settings of the sampler.
type drawing struct {
	MaxNewTokens int      `yaml:"max_new_tokens" alias:"max_tokens" help:"longest answer in tokens"`
	Temperature  float64  `yaml:"temperature" help:"0: always the most probable token"`
	TopK         int      `yaml:"top_k" help:"draw among the k most probable tokens; 0: all"`
	TopP         float64  `yaml:"top_p" help:"draw among the most probable tokens that together have this probability"`
	MinP         float64  `yaml:"min_p" help:"never draw what is less probable than this times the most probable token"`
	Repetition   float64  `yaml:"repetition_penalty" help:"above 1, tokens that were there already become less probable"`
	Stop         []string `yaml:"stop" help:"texts that end the answer, beside the end of text"`
	Seed         uint64   `yaml:"seed" help:"the same seed draws the same tokens"`
}

// usualDrawing are the defaults of everything that answers.
func usualDrawing() drawing {
	return drawing{MaxNewTokens: 256, Temperature: 0.7, TopP: 0.95, Repetition: 1}
}

func (d drawing) sampler() (*generate.Sampler, error) {
	s := &generate.Sampler{
		Temperature: d.Temperature, TopK: d.TopK, TopP: d.TopP, MinP: d.MinP, RepetitionPenalty: d.Repetition, Seed: d.Seed,
	}
	if err := s.Check(); err != nil {
		return nil, usage(err)
	}
	if d.MaxNewTokens < 1 {
		return nil, usage(fmt.Errorf("max_new_tokens is %d, want 1 or more", d.MaxNewTokens))
	}
	return s, nil
}

// question is a prompt and how to answer it.
type question struct {
	prompt  []int32
	draw    drawing
	goingOn bool // the answer goes on in the middle of a text: a leading space stays
}

// answered is what an answer came to.
type answered struct {
	text   string
	reason string
	tokens int
	reused int // tokens of the prompt that were decoded for an earlier question
	took   time.Duration
}

func (a answered) speed() float64 { return float64(a.tokens) / max(a.took.Seconds(), 1e-9) }

// conversation answers questions one after another. What the next prompt
// begins with like the last one and its answer is not decoded again; the
// answers are the same bits.
type conversation struct {
	*speaker
	session *model.Session
	decoded []int32
}

func (s *speaker) converse() *conversation {
	return &conversation{speaker: s, session: s.model.NewSession(0)}
}

// ask answers a question and writes the text as it comes.
func (c *conversation) ask(ctx context.Context, q question, write func(text string) error) (a answered, err error) {
	sampler, err := q.draw.sampler()
	if err != nil {
		return a, err
	}
	if len(q.prompt) == 0 || len(q.prompt) >= c.session.Capacity() {
		return a, input(fmt.Errorf("the prompt has %d tokens, want 1 to %d for a context of %d", len(q.prompt), c.session.Capacity()-1, c.session.Capacity()))
	}
	for a.reused < min(len(c.decoded), len(q.prompt)-1) && c.decoded[a.reused] == q.prompt[a.reused] {
		a.reused++
	}
	c.session.Truncate(a.reused)
	all := append([]int32(nil), q.prompt...)
	defer func() { c.decoded = all[:min(len(all), c.session.Len())] }()
	began := time.Now()
	tokens, reason := generate.Tokens(ctx, c.session, sampler, q.prompt, generate.Options{
		MaxNewTokens: q.draw.MaxNewTokens, Room: c.session.Capacity(), EOS: c.ends(), Decoded: a.reused,
	})
	stream := c.tok.NewStream()
	if q.goingOn {
		stream = c.tok.Resume()
	}
	stop := generate.NewStop(append(c.stops(), q.draw.Stop...))
	show := func(text string, ended bool) error {
		a.text += text
		if ended {
			a.reason = generate.StopString
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
		a.tokens++
		all = append(all, token)
		if err := show(stop.Push(stream.Push(token))); err != nil {
			return a, err
		}
		if a.reason != "" {
			break
		}
	}
	a.took = time.Since(began)
	if a.reason == "" {
		err = show(stop.Push(stream.Flush()))
	}
	if a.reason == "" && err == nil {
		a.reason = *reason
		err = show(stop.Flush(), false)
	}
	return a, err
}

// stops are the texts at which the recipe's answers end.
func (s *speaker) stops() []string {
	if s.recipe == nil {
		return nil
	}
	return append([]string(nil), s.recipe.Stop...)
}
