package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"fettle/internal/fault"
	"fettle/model/chat"
	"fettle/model/serve"
)

// serveSettings holds the settings of serve beside those of model and answer.
type serveSettings struct {
	Host     string   `yaml:"host" group:"server" help:"address to listen on; one that other machines can reach needs a key"`
	Port     int      `yaml:"port" help:"0: any free one"`
	KeyFile  string   `yaml:"api_key_file" path:"read" help:"file with the API key of the clients; alternatively set FETTLE_API_KEY"`
	Hosts    []string `yaml:"allowed_hosts" help:"names under which the server is reached, beside its address and localhost"`
	Origins  []string `yaml:"allowed_origins" help:"other web pages that may send requests, such as https://example.org"`
	Truncate bool     `yaml:"truncate" help:"leave out the oldest messages of chats that do not fit, where a request does not say"`
	Queue    int      `yaml:"queue" help:"requests that may wait; further ones get status 429"`
}

func newServe() *cobra.Command {
	from, sampling := servedModels{Compute: "auto"}, chat.DefaultSampling()
	listen := serveSettings{Host: "127.0.0.1", Port: 8080, Queue: 100}
	cmd := &cobra.Command{
		Use:     "serve",
		Aliases: []string{"api"},
		Short:   "Serve OpenAI's HTTP API and a chat page",
		Long: `Serve OpenAI's HTTP API (/v1/chat/completions, /v1/completions, /v1/models, with
streaming) and a chat page at /.

With an adapter there are two models: the adapter's, named after its directory,
and "base" without it (an adapter's directory called base leaves the base its own
directory's name). --adapter_name_or_path may be repeated, and may be NAME=PATH;
adapters of one base share its weights in memory. Nothing can be loaded or changed
over HTTP.

Requests are carried out as they stand or refused with status 400 and the field's
name. Fields beside OpenAI's: top_k, min_p, repetition_penalty, and truncate: true,
which leaves out the oldest messages of a chat that does not fit the context or
whose prompt takes one instruction; messages_left_out in the answer counts them.
Without a seed every answer is sampled anew; "seed" in the answer repeats it. Of n
answers, the one with index i is sampled with seed + i.`,
		Example: "  fettle serve --adapter_name_or_path runs/alpaca-lora\n" +
			"  fettle serve --adapter_name_or_path old=runs/first --adapter_name_or_path new=runs/second",
		Args: cobra.NoArgs,
	}
	s := addAnswering(cmd, &from, &listen, &sampling)
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
		l, err := listen.listener(options.Token) // before the weights are loaded
		if err != nil {
			return err
		}
		defer l.Close()
		list, err := from.sources(cmd)
		if err != nil {
			return err
		}
		e, err := engineOf(list, sampling, s.Given, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		if s.Given("seed") {
			options.Seed = &sampling.Seed
		}
		out := cmd.OutOrStdout()
		at := openable(l.Addr())
		fmt.Fprintf(out, "Chat at http://%s/, the API is under http://%s/v1. Ctrl-C ends. Models:\n", at, at)
		for _, name := range e.Models() {
			fmt.Fprintf(out, "  %s: %s\n", name, e.Card(name))
		}
		return serveUntilStopped(cmd, serve.New(e, options), l)
	}
	return cmd
}

// openable returns the address with which a browser on this machine reaches a server: one on all addresses has none.
func openable(at net.Addr) string {
	tcp, ok := at.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return at.String()
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
}

// listener opens the address. Without a token it refuses one that other machines reach.
func (s serveSettings) listener(token serve.Secret) (net.Listener, error) {
	at := net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
	l, err := net.Listen("tcp", at)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, usage(fmt.Errorf("serve: %w: give another --port, or --port 0 for any free one", err))
	case err != nil:
		return nil, usage(fmt.Errorf("serve: %w; --host 127.0.0.1 is this machine alone, 0.0.0.0 all its addresses", err))
	}
	if token == "" && !l.Addr().(*net.TCPAddr).IP.IsLoopback() {
		l.Close()
		return nil, fault.Mark(fmt.Errorf("serve on %s: %w: set FETTLE_API_KEY or api_key_file", at,
			serve.ErrExposed), fault.Refused)
	}
	return l, nil
}

func (s serveSettings) options(cmd *cobra.Command) (serve.Options, error) {
	key := os.Getenv("FETTLE_API_KEY")
	if s.KeyFile != "" {
		text, err := os.ReadFile(s.KeyFile)
		if err != nil {
			return serve.Options{}, fmt.Errorf("serve: read key: %w", err)
		}
		if key = strings.TrimSpace(string(text)); key == "" {
			return serve.Options{}, input(fmt.Errorf("serve: read key: %s is empty: write the key into it", s.KeyFile))
		}
	}
	if s.Port < 0 || s.Port > 65535 {
		return serve.Options{}, usage(fmt.Errorf("port is %d, want 0 to 65535", s.Port))
	}
	if s.Queue < 1 {
		return serve.Options{}, usage(fmt.Errorf("queue is %d, want 1 or more", s.Queue))
	}
	return serve.Options{
		Token: serve.Secret(key), Hosts: s.Hosts, Origins: s.Origins, Queue: s.Queue, Truncate: s.Truncate,
		Log: newLog(cmd.ErrOrStderr()),
	}, nil
}
