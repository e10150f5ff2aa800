package chat

import (
	"context"
	"fmt"
	"time"

	"fettle/internal/mapped"
	"fettle/model/generate"
	"fettle/model/serve"
)

var _ serve.Engine = (*Engine)(nil)

// Engine answers the requests of model/serve, each model in a conversation of its own.
type Engine struct {
	names  []string
	models map[string]*served
}

// Served is a model to serve.
type Served struct {
	*Model
	Name     string
	Sampling Sampling  // of requests that do not choose their own
	Base     string    // the name of the served model without this one's adapter, "" if there is none
	Made     time.Time // when its files were written; zero: unknown
}

type served struct {
	is Served
	*Conversation
}

// NewEngine makes an engine without models.
func NewEngine() *Engine { return &Engine{models: map[string]*served{}} }

// Add adds a model. The first model is the default.
func (e *Engine) Add(m Served) error {
	if e.models[m.Name] != nil {
		return fmt.Errorf("two models are called %s", m.Name)
	}
	e.names, e.models[m.Name] = append(e.names, m.Name), &served{m, m.Converse()}
	return nil
}

// Models lists the names of the models, the default first.
func (e *Engine) Models() []string { return e.names }

// Card describes a model; see serve.Engine.
func (e *Engine) Card(name string) serve.Card {
	m := e.models[name]
	s := m.is.Sampling
	card := serve.Card{
		Base: m.is.Base, Adapter: m.Adapter, Context: m.Capacity(), Made: m.is.Made,
		Defaults: serve.Defaults{
			MaxTokens: s.MaxNewTokens, Temperature: s.Temperature, TopP: s.TopP, TopK: s.TopK, MinP: s.MinP,
			RepetitionPenalty: s.Repetition, FrequencyPenalty: s.Frequency, PresencePenalty: s.Presence,
		},
	}
	if r := m.Recipe; r != nil {
		card.Recipe, card.Single = r.Name, !r.Converses()
	}
	return card
}

// Answer answers a request; see serve.Engine.
func (e *Engine) Answer(ctx context.Context, r serve.Request, emit func(text string) error) (serve.Result, error) {
	c := e.models[r.Model]
	q := Question{Sampling: c.is.Sampling.of(r), Echo: r.Echo, Logprobs: r.Logprobs}
	var result serve.Result
	var err error
	if r.Messages != nil {
		if q.Prompt, result.LeftOut, err = c.messages(r, q.Sampling.MaxNewTokens); err != nil {
			return result, wrong("messages", err)
		}
	} else {
		if q.Prompt, err = c.text(r); err != nil {
			return result, wrong("prompt", err)
		}
		q.Continue = c.Continues(q.Prompt)
	}
	if err := c.fits(r, q.Prompt); err != nil {
		return result, err
	}
	if r.Echo {
		if err := emit(c.said(r)); err != nil {
			return result, err
		}
	}
	var a Answer
	err = mapped.Call(func() (err error) {
		a, err = c.Ask(ctx, q, emit)
		return err
	})
	if err == nil && a.Reason == generate.Cancelled {
		err = ctx.Err()
	}
	result.PromptTokens, result.NewTokens, result.Logprobs = len(q.Prompt), a.Tokens, a.Logprobs
	result.Reading, result.Writing = a.Waited, a.Elapsed-a.Waited
	result.Cut = a.Reason == generate.MaxTokens || a.Reason == generate.ContextFull
	return result, err
}

// fits refuses a prompt that the model cannot read or that leaves no room for an answer, or less than the request asks
// for. A request without a limit of its own takes the room that there is.
func (c *Conversation) fits(r serve.Request, prompt []int32) error {
	n, most, vocab := len(prompt), c.Capacity(), c.Weights.Config().Vocab
	field, hint := "prompt", ""
	if r.Messages != nil {
		field = "messages"
	}
	if len(r.Messages) > 1 && !r.Truncate {
		hint = `; "truncate": true leaves out the oldest messages`
	}
	if err := c.Tokenizer.Within(prompt, vocab); err != nil {
		return wrong(field, err)
	}
	if n >= most {
		return serve.TooLong{Wrong: serve.Wrong{Param: field,
			Message: fmt.Sprintf("the prompt has %d tokens, the model's context is %d%s", n, most, hint)}}
	}
	if r.MaxTokens != nil && n+*r.MaxTokens > most && !r.Truncate {
		return serve.TooLong{Wrong: serve.Wrong{Param: "max_tokens",
			Message: fmt.Sprintf("the prompt has %d tokens and the answer may have %d, together more than the model's "+
				"context of %d: ask for at most %d%s", n, *r.MaxTokens, most, most-n, hint)}}
	}
	if r.JSON {
		if _, err := generate.NewJSON(c.vocabulary().Size, c.Tokenizer.Text, c.Ends()); err != nil {
			return wrong("response_format", err)
		}
	}
	for token := range r.LogitBias {
		if token < 0 || int(token) >= vocab {
			return serve.Wrong{Param: "logit_bias",
				Message: fmt.Sprintf("logit_bias: token %d is outside the vocabulary of %d", token, vocab)}
		}
	}
	return nil
}

// of replaces settings by those of a request.
func (s Sampling) of(r serve.Request) Sampling {
	set(&s.MaxNewTokens, r.MaxTokens)
	set(&s.Temperature, r.Temperature)
	set(&s.TopP, r.TopP)
	set(&s.TopK, r.TopK)
	set(&s.MinP, r.MinP)
	set(&s.Repetition, r.RepetitionPenalty)
	set(&s.Frequency, r.FrequencyPenalty)
	set(&s.Presence, r.PresencePenalty)
	s.Bias, s.Seed, s.JSON = r.LogitBias, r.Seed, r.JSON
	s.Stop = append(append([]string(nil), s.Stop...), r.Stop...)
	return s
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}
