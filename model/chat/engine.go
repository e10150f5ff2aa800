package chat

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"fettle/data/recipe"
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

// Add adds a model under a name. The first one is the default.
func (e *Engine) Add(name string, m *Model) {
	e.names = append(e.names, name)
	e.conversations[name] = m.Converse()
}

// Models lists the names of the models, the default first.
func (e *Engine) Models() []string { return e.names }

// Answer answers a request; see serve.Engine.
func (e *Engine) Answer(ctx context.Context, r serve.Request, emit func(text string) error) (serve.Result, error) {
	c := e.conversations[r.Model]
	q := Question{Sampling: e.samplingOf(r)}
	var err error
	if r.Messages != nil {
		if q.Prompt, err = c.messages(r.Messages, q.Sampling.MaxNewTokens); err != nil {
			return serve.Result{}, serve.Wrong{Param: "messages", Message: err.Error()}
		}
	} else {
		if q.Prompt, err = c.text(r); err != nil {
			return serve.Result{}, serve.Wrong{Param: "prompt", Message: err.Error()}
		}
		q.Continue = len(q.Prompt) > 1
	}
	if n := c.Capacity(); len(q.Prompt) >= n {
		message := fmt.Sprintf("the prompt has %d tokens, the model's context is %d", len(q.Prompt), n)
		return serve.Result{}, serve.Wrong{Message: message}
	}
	a, err := c.Ask(ctx, q, emit)
	return serve.Result{
		PromptTokens: len(q.Prompt), NewTokens: a.Tokens,
		Cut: a.Reason == generate.MaxTokens || a.Reason == generate.ContextFull,
	}, err
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
	set(&s.Seed, r.Seed)
	s.Stop = append(append([]string(nil), s.Stop...), r.Stop...)
	return s
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// messages renders a conversation in the recipe, without its first turns if it is too long.
func (c *Conversation) messages(messages []serve.Message, room int) ([]int32, error) {
	if c.Recipe == nil {
		return nil, errors.New("this model has no prompt for chats: start the server with --recipe, or use " +
			"/v1/completions")
	}
	var d recipe.Conversation
	for _, m := range messages {
		if m.Role == "system" {
			d.System = strings.TrimSpace(d.System + "\n\n" + m.Content)
			continue
		}
		d.Turns = append(d.Turns, recipe.Turn{Role: recipe.Role(m.Role), Text: m.Content})
	}
	if n := len(d.Turns); n == 0 || d.Turns[n-1].Role == recipe.Assistant {
		return nil, errors.New("the last message is not the user's")
	}
	prompt, _, err := c.Fit(&d, room)
	return prompt, err
}

// text tokenizes a text to continue, or checks the token ids of a request.
func (c *Conversation) text(r serve.Request) ([]int32, error) {
	if r.Tokens == nil {
		return c.Raw(r.Prompt), nil
	}
	for _, id := range r.Tokens {
		if vocab := c.Weights.Config().Vocab; id < 0 || int(id) >= vocab {
			return nil, fmt.Errorf("token %d is outside the vocabulary of %d", id, vocab)
		}
	}
	if len(r.Tokens) == 0 {
		return nil, errors.New("the prompt has no tokens")
	}
	return r.Tokens, nil
}
