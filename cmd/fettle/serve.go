package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"fettle/internal/fault"
	"fettle/model/chat"
	"fettle/model/serve"
)

// serveSettings holds the settings of serve beside those of model and answer.
type serveSettings struct {
	Host    string   `yaml:"host" group:"server" help:"address to listen on; one that other machines can reach needs a key"`
	Port    int      `yaml:"port" help:"0: any free one"`
	KeyFile string   `yaml:"api_key_file" help:"file with the API key of the clients; alternatively set FETTLE_API_KEY"`
	Hosts   []string `yaml:"allowed_hosts" help:"names under which the server is reached, beside its address and localhost"`
	Origins []string `yaml:"allowed_origins" help:"other web pages that may send requests, such as https://example.org"`
	Queue   int      `yaml:"queue" help:"requests that may wait; further ones get status 429"`
}

func newServe() *cobra.Command {
	from, sampling := source{Compute: "auto"}, chat.DefaultSampling()
	listen := serveSettings{Host: "127.0.0.1", Port: 8080, Queue: 16}
	cmd := &cobra.Command{
		Use:     "serve",
		Aliases: []string{"api"},
		Short:   "Serve OpenAI's HTTP API and a chat page",
		Long: `Serve OpenAI's HTTP API (/v1/chat/completions, /v1/completions, /v1/models, with
streaming) and a chat page at /.

With an adapter there are two models: the adapter's, named after its directory,
and "base" without it. Nothing can be loaded or changed over HTTP.`,
		Example: "  fettle serve --adapter_name_or_path runs/alpaca-lora",
		Args:    cobra.NoArgs,
	}
	s := addSettings(cmd, &from, &listen, &sampling)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := load(cmd, s); err != nil {
			return err
		}
		if err := sampling.Check(); err != nil {
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
			return fault.Mark(fmt.Errorf("serve on %s: %w: set FETTLE_API_KEY or api_key_file", l.Addr(),
				serve.ErrExposed), fault.Refused)
		}
		m, err := from.open()
		if err != nil {
			return err
		}
		e := newEngine(m, from, sampling)
		switch {
		case m.OwnPrompt:
			fmt.Fprintf(cmd.OutOrStdout(), "Prompts follow the model's own chat template, %s.\n", m.Recipe.Source)
		case m.NoPrompt != nil:
			fmt.Fprintf(cmd.OutOrStdout(), "No chats: the model's own chat template cannot be used: %v\n", m.NoPrompt)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "Chat at http://%s/, the API is under http://%s/v1 (models: %s). Ctrl-C ends.\n",
			l.Addr(), l.Addr(), strings.Join(e.Models(), ", "))
		return serve.New(e, options).Serve(cmd.Context(), l)
	}
	return cmd
}

func (s serveSettings) options(cmd *cobra.Command) (serve.Options, error) {
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

// newEngine answers with the adapter's model, if there is an adapter, and with the base.
func newEngine(m *chat.Model, from source, sampling chat.Sampling) *chat.Engine {
	e := chat.NewEngine(sampling)
	if from.Adapter == "" {
		e.Add(filepath.Base(lasting(from.Model)), m)
		return e
	}
	e.Add(filepath.Base(lasting(from.Adapter)), m)
	bare := *m
	bare.Weights = m.Weights.With(nil)
	e.Add("base", &bare)
	return e
}
