package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"fettle/internal/fault"
	"fettle/model/chat"
	"fettle/model/serve"
	"fettle/train/plan"
)

// serveSettings holds the settings of serve beside those of model and answer.
type serveSettings struct {
	Host     string   `yaml:"host" group:"server" help:"address to listen on; one that other machines can reach needs a key"`
	Port     int      `yaml:"port" help:"0: any free one"`
	KeyFile  string   `yaml:"api_key_file" path:"read" help:"file with the API keys of the clients, one a line, each behind its client's name if it has one; alternatively set FETTLE_API_KEY to one"`
	Hosts    []string `yaml:"allowed_hosts" help:"names under which the server is reached, beside its address and localhost"`
	Origins  []string `yaml:"allowed_origins" help:"other web pages that may send requests, such as https://example.org"`
	Proxies  []string `yaml:"trusted_proxies" help:"addresses of proxies, or networks such as 10.0.0.0/8, whose X-Forwarded-For tells clients apart"`
	Truncate bool     `yaml:"truncate" help:"leave out the oldest messages of chats that do not fit, where a request does not say"`
	Queue    int      `yaml:"queue" most:"1000000" help:"requests that may wait; further ones get status 429, those of the client with most first"`
	Timeout  float64  `yaml:"request_timeout" most:"31536000" help:"seconds that a request may wait and be answered"`
}

func newServe() *cobra.Command {
	from, sampling := servedModels{Compute: "auto"}, chat.DefaultSampling()
	listen := serveSettings{Host: "127.0.0.1", Port: 8080, Queue: 100, Timeout: 600}
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
answers, the one with index i is sampled with seed + i.

One answer at a time is computed; the clients that wait take turns, each an API key
where there are several, else an address. --max_new_tokens, where it is given, also
bounds the max_tokens of requests.`,
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
		l, err := listen.listener(len(options.Keys) > 0) // before the weights are loaded
		if err != nil {
			return err
		}
		defer l.Close()
		list, err := from.sources(cmd)
		if err != nil {
			return err
		}
		defer debug.SetGCPercent(debug.SetGCPercent(plan.GCPercent))
		e, err := engineOf(list, sampling, s.Given, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		if s.Given("seed") {
			options.Seed = &sampling.Seed
		}
		if s.Given("max_new_tokens") {
			options.MaxTokens = sampling.MaxNewTokens
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

// listener opens the address. Without a key it refuses one that other machines reach.
func (s serveSettings) listener(locked bool) (net.Listener, error) {
	at := net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
	l, err := net.Listen("tcp", at)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, usage(fmt.Errorf("serve: %w: give another --port, or --port 0 for any free one", err))
	case err != nil:
		return nil, usage(fmt.Errorf("serve: %w; --host 127.0.0.1 is this machine alone, 0.0.0.0 all its addresses", err))
	}
	if !locked && !l.Addr().(*net.TCPAddr).IP.IsLoopback() {
		l.Close()
		return nil, fault.Mark(fmt.Errorf("serve on %s: %w: set FETTLE_API_KEY or api_key_file", at,
			serve.ErrExposed), fault.Refused)
	}
	return l, nil
}

func (s serveSettings) options(cmd *cobra.Command) (serve.Options, error) {
	keys, err := readKeys(s.KeyFile)
	if err != nil {
		return serve.Options{}, err
	}
	proxies, err := s.proxies()
	if err != nil {
		return serve.Options{}, err
	}
	const week = 7 * 24 * 3600
	switch {
	case s.Port < 0 || s.Port > 65535:
		return serve.Options{}, usage(fmt.Errorf("port is %d, want 0 to 65535", s.Port))
	case s.Queue < 1 || s.Queue > 1_000_000:
		return serve.Options{}, usage(fmt.Errorf("queue is %d, want 1 to 1,000,000", s.Queue))
	case !(s.Timeout >= 0.001 && s.Timeout <= week):
		return serve.Options{}, usage(fmt.Errorf("request_timeout is %v, want 0.001 to %d seconds", s.Timeout, week))
	}
	return serve.Options{
		Keys: keys, Hosts: s.Hosts, Origins: s.Origins, Proxies: proxies, Queue: s.Queue, Truncate: s.Truncate,
		Timeout: time.Duration(s.Timeout * float64(time.Second)), Log: newLog(cmd.ErrOrStderr()),
	}, nil
}

// proxies reads the networks of trusted_proxies; an address is a network of its own.
func (s serveSettings) proxies() (all []netip.Prefix, err error) {
	for _, text := range s.Proxies {
		network, err := netip.ParsePrefix(text)
		if at, wrong := netip.ParseAddr(text); wrong == nil {
			network, err = at.Unmap().Prefix(at.Unmap().BitLen())
		}
		if err != nil {
			return nil, usage(fmt.Errorf("trusted_proxies: %q is neither an address nor a network such as 10.0.0.0/8", text))
		}
		all = append(all, network)
	}
	return all, nil
}
