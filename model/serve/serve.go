// Package serve answers chats and completions over HTTP as OpenAI's API does,
// for anything that answers, and shows a page to chat on. There is no way to
// load, change or delete anything through it.
package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// Engine answers, at most Options.Slots requests at a time.
type Engine interface {
	// Models names what can be asked, the default first.
	Models() []string

	// Answer writes the answer piece by piece to emit and ends early when emit
	// fails or ctx is done. What is wrong with the request itself is a Wrong.
	Answer(ctx context.Context, r Request, emit func(text string) error) (Result, error)
}

// Request is a chat to answer, or without Messages a text to continue.
type Request struct {
	Model    string // one of Models
	Messages []Message
	Prompt   string
	Tokens   []int32 // a prompt that is tokenized already; takes Prompt's place

	MaxTokens         *int // nil: the engine's own idea, here and below
	Temperature       *float64
	TopP              *float64
	TopK              *int
	MinP              *float64
	RepetitionPenalty *float64
	Seed              *uint64
	Stop              []string
}

// Message is one turn; Role is system, user, assistant or tool.
type Message struct{ Role, Content string }

// Result is what an answer came to.
type Result struct {
	PromptTokens int
	NewTokens    int
	Cut          bool // ended at a limit, not by itself
}

// Wrong is an error in a request.
type Wrong struct {
	Param   string // the field; may be ""
	Message string
}

func (w Wrong) Error() string { return w.Message }

// Secret is never printed.
type Secret string

func (Secret) String() string { return "***" }

// GoString is String.
func (Secret) GoString() string { return "***" }

// MarshalText is String, too.
func (Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

// Options say who may ask, and how much. Zero values are the defaults in
// brackets.
type Options struct {
	Token   Secret   // if set, requests must bring it as bearer token
	Hosts   []string // names under which the server is reached, beside its own addresses and localhost
	Origins []string // web pages elsewhere that may ask, such as https://example.org
	Slots   int      // requests answered at a time [1]
	Queue   int      // requests that may wait for a slot; more are turned away [16]
	MaxBody int64    // bytes of a request [1 MiB]
	Log     zerolog.Logger
}

// ErrExposed refuses to listen where others can reach it without a token.
var ErrExposed = errors.New("an address that others can reach needs a token")

// Server is an http.Handler with a life of its own.
type Server struct {
	engine  Engine
	o       Options
	slots   chan struct{}
	waiting atomic.Int64
	handler http.Handler
	limits  limits
}

// limits are how long things may take.
type limits struct{ header, read, idle, write, grace time.Duration }

// New makes a server; it listens nowhere yet.
func New(e Engine, o Options) *Server {
	if o.Slots == 0 {
		o.Slots = 1
	}
	if o.Queue == 0 {
		o.Queue = 16
	}
	if o.MaxBody == 0 {
		o.MaxBody = 1 << 20
	}
	s := &Server{engine: e, o: o, slots: make(chan struct{}, o.Slots)}
	s.limits = limits{header: 5 * time.Second, read: 30 * time.Second, idle: time.Minute, write: 30 * time.Second, grace: 10 * time.Second}
	mux := http.NewServeMux()
	for pattern, handle := range s.routes() {
		mux.HandleFunc(pattern, handle)
	}
	s.handler = s.guarded(mux)
	return s
}

// routes is all that the server does.
func (s *Server) routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /{$}":      s.page("chat.html", "text/html; charset=utf-8"),
		"GET /chat.css": s.page("chat.css", "text/css; charset=utf-8"),
		"GET /chat.js":  s.page("chat.js", "text/javascript; charset=utf-8"),
		"GET /health": func(w http.ResponseWriter, _ *http.Request) {
			respond(w, http.StatusOK, map[string]string{"status": "ok"})
		},
		"GET /v1/models":            s.models,
		"GET /v1/models/{model...}": s.model,
		"POST /v1/chat/completions": s.chat,
		"POST /v1/completions":      s.completion,
		"/":                         s.nowhere,
	}
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Serve answers on a listener until ctx is done; then requests have a few
// seconds to end.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if s.o.Token == "" && !loopback(l.Addr()) {
		l.Close()
		return fmt.Errorf("serve on %s: %w", l.Addr(), ErrExposed)
	}
	base, cancel := context.WithCancel(context.Background())
	defer cancel()
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: s.limits.header, ReadTimeout: s.limits.read, IdleTimeout: s.limits.idle, MaxHeaderBytes: 16 << 10,
		BaseContext: func(net.Listener) context.Context { return base },
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	grace, done := context.WithTimeout(context.Background(), s.limits.grace)
	defer done()
	if server.Shutdown(grace) != nil {
		cancel() // what still answers ends now
		server.Close()
	}
	return nil
}

// loopback reports whether only this machine reaches an address.
func loopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// slot waits for a turn and returns what ends it, or false when too many wait
// already or the client has gone.
func (s *Server) slot(ctx context.Context) (release func(), ok bool) {
	release = func() { <-s.slots }
	select {
	case s.slots <- struct{}{}:
		return release, true
	default:
	}
	if s.waiting.Add(1) > int64(s.o.Queue) {
		s.waiting.Add(-1)
		return nil, false
	}
	defer s.waiting.Add(-1)
	select {
	case s.slots <- struct{}{}:
		return release, true
	case <-ctx.Done():
		return nil, false
	}
}
