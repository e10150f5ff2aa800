// Package serve offers an Engine over HTTP: chats and completions as in OpenAI's API, and a chat page. Nothing can be
// loaded, changed or deleted through it.
package serve

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/rs/zerolog"

	"fettle/internal/guard"
)

// Engine generates answers. The server calls Models at any time and Answer for one request after another, never
// concurrently.
type Engine interface {
	// Models returns the names of the models, the default first.
	Models() []string

	// Card describes the model of a name.
	Card(name string) Card

	// Answer passes the answer to emit piece by piece. It ends early if emit fails or ctx is done, soon even while it
	// reads a long prompt, with their error and the result so far. A mistake in the request is returned as a Wrong.
	Answer(ctx context.Context, r Request, emit func(text string) error) (Result, error)
}

// Request holds a chat to answer or, without Messages, a text to continue.
type Request struct {
	Model    string // one of Models
	Messages []Message
	Truncate bool // leave out the oldest messages where the prompt cannot hold all
	Prompt   string
	Tokens   []int32 // a tokenized prompt, instead of Prompt

	MaxTokens         *int // nil: the engine's default, here and below
	Temperature       *float64
	TopP              *float64
	TopK              *int
	MinP              *float64
	RepetitionPenalty *float64
	FrequencyPenalty  *float64
	PresencePenalty   *float64
	LogitBias         map[int32]float64 // added to the logits of tokens
	Seed              uint64            // the same seed gives the same answer
	Stop              []string
	JSON              bool // the answer is a JSON object

	Echo     bool // the answer begins with the prompt; MaxTokens may be 0
	Logprobs *int // report the tokens' probabilities, and this many of the most probable tokens; nil: do not
}

// Message is one message of a chat; Role is system, user, assistant or tool.
type Message struct {
	Role, Content string

	Calls  string // an assistant's tool calls, as JSON
	CallID string // the call whose result a tool's message holds
	Name   string // the tool's
}

// Result counts the tokens of an answer.
type Result struct {
	PromptTokens int
	NewTokens    int
	LeftOut      int  // messages that the prompt does not hold
	Cut          bool // ended by MaxTokens or a full context
	Logprobs     *Logprobs

	Reading time.Duration // until the first token
	Writing time.Duration // from then on
}

// Wrong reports a mistake in a request.
type Wrong struct {
	Param   string // the field, if it is one field's
	Message string
}

func (w Wrong) Error() string { return w.Message }

// TooLong reports a prompt that leaves no room for its answer in the model's context.
type TooLong struct{ Wrong }

// Unwrap returns the mistake.
func (t TooLong) Unwrap() error { return t.Wrong }

// Options limit who may send requests, how many, and what they may ask for. Zero stands for the default in brackets.
type Options struct {
	Keys    []Key          // if there are any, one is required
	Hosts   []string       // names of the server, besides its addresses and localhost
	Origins []string       // other web pages that may send requests, such as https://example.org
	Proxies []netip.Prefix // whose X-Forwarded-For is believed

	Queue     int           // requests that may wait while one is answered; more are refused [100]
	MaxBody   int64         // largest request body in bytes [1 MiB]
	MaxTokens int           // largest max_tokens of a request [what fits the context]
	Timeout   time.Duration // of a request, waiting and being answered [10 minutes]

	Seed     *uint64 // of requests without a seed [a new one for each]
	Truncate bool    // of chats that do not say
	Log      zerolog.Logger
}

// ErrExposed reports an address that other machines can reach, without a key.
var ErrExposed = errors.New("an address that others can reach needs a key")

// Server is an http.Handler; Serve runs it on a listener.
type Server struct {
	engine  Engine
	o       Options
	turns   *turns
	handler http.Handler
	limits  limits
	begun   time.Time
}

// limits bounds the time to read a request's header, to read all of it, to keep an idle connection, to write one piece
// of a response, and to end answers at shutdown.
type limits struct{ header, read, idle, write, grace time.Duration }

// New returns a server that does not listen yet.
func New(e Engine, o Options) *Server {
	if o.Queue == 0 {
		o.Queue = 100
	}
	if o.MaxBody == 0 {
		o.MaxBody = 1 << 20
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Minute
	}
	s := &Server{engine: e, o: o, turns: newTurns(o.Queue + 1), begun: time.Now()}
	s.limits = limits{
		header: 5 * time.Second, read: 30 * time.Second, idle: time.Minute, write: 30 * time.Second,
		grace: 10 * time.Second,
	}
	mux := http.NewServeMux()
	for pattern, handle := range s.routes() {
		mux.HandleFunc(pattern, handle)
	}
	s.handler = s.guarded(mux)
	return s
}

// seed returns the seed of a request that has none, short enough to type.
func (s *Server) seed() uint64 {
	if s.o.Seed != nil {
		return *s.o.Seed
	}
	return uint64(rand.Uint32())
}

// routes returns the handler of each pattern that the server answers to.
func (s *Server) routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /{$}":    s.page("index.html"),
		"GET /{file}": s.page(""),
		"GET /health": func(w http.ResponseWriter, _ *http.Request) {
			respond(w, http.StatusOK, map[string]string{"status": "ok"})
		},
		"GET /v1/models":            s.models,
		"GET /v1/models/{model...}": s.model,
		"POST /v1/chat/completions": s.chat,
		"POST /v1/completions":      s.completion,
		"/":                         s.notFound,
	}
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Serve answers on a listener until ctx is done; then requests have ten seconds to end.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if len(s.o.Keys) == 0 && !guard.Loopback(l.Addr()) {
		l.Close()
		return fmt.Errorf("serve on %s: %w", l.Addr(), ErrExposed)
	}
	base, cancel := context.WithCancel(context.Background())
	defer cancel()
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: s.limits.header, ReadTimeout: s.limits.read, IdleTimeout: s.limits.idle,
		MaxHeaderBytes: 16 << 10, BaseContext: func(net.Listener) context.Context { return base },
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
		cancel() // ends answers that are still being computed
		server.Close()
	}
	return nil
}
