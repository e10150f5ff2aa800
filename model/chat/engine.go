package chat

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"fettle/model/generate"
	"fettle/model/serve"
)

var _ serve.Engine = (*Engine)(nil)

// Engine answers the requests of model/serve, each model in a conversation of its own.
type Engine struct {
	names         []string
	conversations map[string]*Conversation
	sampling      Sampling // of requests that do not choose their own
}

// NewEngine makes an engine without models.
func NewEngine(sampling Sampling) *Engine {
	return &Engine{conversations: map[string]*Conversation{}, sampling: sampling}
}

// Add adds a model under the first of the names that no model has yet. The first model is the default.
func (e *Engine) Add(m *Model, names ...string) error {
	for _, name := range names {
		if name != "" && e.conversations[name] == nil {
			e.names = append(e.names, name)
			e.conversations[name] = m.Converse()
			return nil
		}
	}
	return fmt.Errorf("two models are called %s", strings.Join(slices.Compact(names), " or "))
}

// Models lists the names of the models, the default first.
func (e *Engine) Models() []string { return e.names }

// Answer answers a request; see serve.Engine.
func (e *Engine) Answer(ctx context.Context, r serve.Request, emit func(text string) error) (serve.Result, error) {
	c := e.conversations[r.Model]
	q := Question{Sampling: e.samplingOf(r), Echo: r.Echo, Logprobs: r.Logprobs}
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
	a, err := c.Ask(ctx, q, emit)
	result.PromptTokens, result.NewTokens, result.Logprobs = len(q.Prompt), a.Tokens, a.Logprobs
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
		return serve.Wrong{Param: field,
			Message: fmt.Sprintf("the prompt has %d tokens, the model's context is %d%s", n, most, hint)}
	}
	if r.MaxTokens != nil && n+*r.MaxTokens > most && !r.Truncate {
		return serve.Wrong{Param: "max_tokens", Message: fmt.Sprintf("the prompt has %d tokens and the answer may have %d, "+
			"together more than the model's context of %d: ask for at most %d%s", n, *r.MaxTokens, most, most-n, hint)}
	}
	for token := range r.LogitBias {
		if token < 0 || int(token) >= vocab {
			return serve.Wrong{Param: "logit_bias",
				Message: fmt.Sprintf("logit_bias: token %d is outside the vocabulary of %d", token, vocab)}
		}
	}
	return nil
}

// samplingOf replaces the engine's settings by those of a request.
func (e *Engine) samplingOf(r serve.Request) Sampling {
	s := e.sampling
	set(&s.MaxNewTokens, r.MaxTokens)
	set(&s.Temperature, r.Temperature)
	set(&s.TopP, r.TopP)
	set(&s.TopK, r.TopK)
	set(&s.MinP, r.MinP)
	set(&s.Repetition, r.RepetitionPenalty)
	set(&s.Frequency, r.FrequencyPenalty)
	set(&s.Presence, r.PresencePenalty)
	s.Bias, s.Seed = r.LogitBias, r.Seed
	s.Stop = append(append([]string(nil), s.Stop...), r.Stop...)
	return s
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}
