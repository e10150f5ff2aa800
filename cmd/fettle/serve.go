package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"fettle/data/recipe"
	"fettle/model/generate"
	"fettle/model/serve"
)

// serving are the settings of serve beside those of answers.
type serving struct {
	Host    string   `yaml:"host" help:"address to listen on; one that others can reach needs a key"`
	Port    int      `yaml:"port" help:"0: any free one"`
	KeyFile string   `yaml:"api_key_file" help:"file with the key that clients must bring; or put it into FETTLE_API_KEY"`
	Hosts   []string `yaml:"allowed_hosts" help:"names under which the server is reached, beside its address and localhost"`
	Origins []string `yaml:"allowed_origins" help:"web pages elsewhere that may ask, such as https://example.org"`
	Queue   int      `yaml:"queue" help:"requests that may wait; more are told to come back later"`
}

func newServe() *cobra.Command {
	from, draw := source{Compute: "auto"}, usualDrawing()
	listen := serving{Host: "127.0.0.1", Port: 8080, Queue: 16}
	cmd := &cobra.Command{
		Use:     "serve",
		Aliases: []string{"api"},
		Short:   "Answer over HTTP as OpenAI's API does, and show a chat page",
		Long: `Answer over HTTP as OpenAI's API does (/v1/chat/completions, /v1/completions,
/v1/models, with streaming), and show a page to chat on at /.

With an adapter there are two models: the adapter's, named after its directory,
and "base" without it. Nothing can be loaded or changed over HTTP.`,
		Example: "  fettle serve --adapter_name_or_path runs/alpaca-lora",
		Args:    cobra.NoArgs,
	}
	s := addSettings(cmd, &from, &listen, &draw)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := load(cmd, s); err != nil {
			return err
		}
		if _, err := draw.sampler(); err != nil {
			return err
		}
		options, err := listen.options(cmd)
		if err != nil {
			return err
		}
		l, err := net.Listen("tcp", net.JoinHostPort(listen.Host, strconv.Itoa(listen.Port)))
		if err != nil {
			return usage(fmt.Errorf("serve: %w", err))
		}
		defer l.Close()
		if !l.Addr().(*net.TCPAddr).IP.IsLoopback() && options.Token == "" { // before the weights are loaded
			return mark(fmt.Errorf("serve on %s: %w: set FETTLE_API_KEY or api_key_file", l.Addr(), serve.ErrExposed), exitRefused)
		}
		s, err := from.open()
		if err != nil {
			return err
		}
		e := newEngine(s, from, draw)
		switch {
		case s.own:
			fmt.Fprintf(cmd.OutOrStdout(), "Chats are in the words of the model's own chat template, %s.\n", s.recipe.Source)
		case s.why != nil:
			fmt.Fprintf(cmd.OutOrStdout(), "There are no chats, as the model's own chat template cannot be used: %v\n", s.why)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "Chat at http://%s/, the API is under http://%s/v1 (models: %s). Ctrl-C ends.\n", l.Addr(), l.Addr(), strings.Join(e.names, ", "))
		return serve.New(e, options).Serve(cmd.Context(), l)
	}
	return cmd
}

func (s serving) options(cmd *cobra.Command) (serve.Options, error) {
	key := os.Getenv("FETTLE_API_KEY")
	if s.KeyFile != "" {
		text, err := os.ReadFile(s.KeyFile)
		if err != nil {
			return serve.Options{}, fmt.Errorf("serve: read key: %w", err)
		}
		if key = strings.TrimSpace(string(text)); key == "" {
			return serve.Options{}, input(fmt.Errorf("serve: read key: %s is empty", s.KeyFile))
		}
	}
	if s.Port < 0 || s.Port > 65535 {
		return serve.Options{}, usage(fmt.Errorf("port is %d, want 0 to 65535", s.Port))
	}
	if s.Queue < 1 {
		return serve.Options{}, usage(fmt.Errorf("queue is %d, want 1 or more", s.Queue))
	}
	return serve.Options{
		Token: serve.Secret(key), Hosts: s.Hosts, Origins: s.Origins, Queue: s.Queue, Log: newLog(cmd.ErrOrStderr()),
	}, nil
}

// engine answers for serve: the adapter's model and the bare one.
type engine struct {
	names []string
	talks map[string]*conversation
	draw  drawing
}

func newEngine(s *speaker, from source, draw drawing) *engine {
	e := &engine{talks: map[string]*conversation{}, draw: draw}
	add := func(name string, s *speaker) {
		e.names = append(e.names, name)
		e.talks[name] = s.converse()
	}
	if from.Adapter == "" {
		add(filepath.Base(lasting(from.Model)), s)
		return e
	}
	add(filepath.Base(lasting(from.Adapter)), s)
	bare := *s
	bare.model = s.model.With(nil)
	add("base", &bare)
	return e
}

// Models is a part of serve.Engine.
func (e *engine) Models() []string { return e.names }

// Answer is a part of serve.Engine.
func (e *engine) Answer(ctx context.Context, r serve.Request, emit func(text string) error) (serve.Result, error) {
	c := e.talks[r.Model]
	q := question{draw: e.drawing(r)}
	var err error
	if r.Messages != nil {
		if q.prompt, err = c.chatPrompt(r.Messages, q.draw.MaxNewTokens); err != nil {
			return serve.Result{}, serve.Wrong{Param: "messages", Message: err.Error()}
		}
	} else {
		if q.prompt, err = c.textPrompt(r); err != nil {
			return serve.Result{}, serve.Wrong{Param: "prompt", Message: err.Error()}
		}
		q.goingOn = len(q.prompt) > 1
	}
	if n := c.session.Capacity(); len(q.prompt) >= n {
		return serve.Result{}, serve.Wrong{Message: fmt.Sprintf("the prompt has %d tokens, the model's context is %d", len(q.prompt), n)}
	}
	a, err := c.ask(ctx, q, emit)
	return serve.Result{PromptTokens: len(q.prompt), NewTokens: a.tokens, Cut: a.reason == generate.MaxTokens || a.reason == generate.ContextFull}, err
}

// drawing is what a request says over what the server was started with.
func (e *engine) drawing(r serve.Request) drawing {
	d := e.draw
	set(&d.MaxNewTokens, r.MaxTokens)
	set(&d.Temperature, r.Temperature)
	set(&d.TopP, r.TopP)
	set(&d.TopK, r.TopK)
	set(&d.MinP, r.MinP)
	set(&d.Repetition, r.RepetitionPenalty)
	set(&d.Seed, r.Seed)
	d.Stop = append(append([]string(nil), d.Stop...), r.Stop...)
	return d
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// chatPrompt renders a conversation in the words of the recipe, without its
// first turns if it is too long.
func (c *conversation) chatPrompt(messages []serve.Message, room int) ([]int32, error) {
	if c.recipe == nil {
		return nil, errors.New("this model has no prompt for chats: start the server with --recipe, or use /v1/completions")
	}
	var said recipe.Conversation
	for _, m := range messages {
		if m.Role == "system" {
			said.System = strings.TrimSpace(said.System + "\n\n" + m.Content)
			continue
		}
		said.Turns = append(said.Turns, recipe.Turn{Role: recipe.Role(m.Role), Text: m.Content})
	}
	if n := len(said.Turns); n == 0 || said.Turns[n-1].Role == recipe.Assistant {
		return nil, errors.New("the last message is not the user's, there is nothing to answer")
	}
	prompt, _, err := c.fitting(&said, room)
	return prompt, err
}

// textPrompt begins with BOS and is the text as it stands, or the tokens as they are.
func (s *speaker) textPrompt(r serve.Request) ([]int32, error) {
	if r.Tokens == nil {
		return s.prompt(asking{Prompt: r.Prompt, Raw: true})
	}
	for _, id := range r.Tokens {
		if id < 0 || int(id) >= s.model.Config().Vocab {
			return nil, fmt.Errorf("token %d is outside the vocabulary of %d", id, s.model.Config().Vocab)
		}
	}
	if len(r.Tokens) == 0 {
		return nil, errors.New("the prompt has no tokens")
	}
	return r.Tokens, nil
}
