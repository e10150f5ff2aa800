// Package dashboard serves the page of a run to browsers on this machine while the run goes on: curves, samples, time
// left, and two requests, to save a checkpoint and to stop. It computes nothing for the run and cannot slow it down by
// more than the drawing of its page.
package dashboard

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"fettle/internal/guard"
	"fettle/train/report"
)

// ErrExposed reports an address that other machines can reach.
var ErrExposed = errors.New("a dashboard can stop its run and asks for no password: it takes addresses of this " +
	"machine only, such as 127.0.0.1:8377; ssh -L 8377:127.0.0.1:8377 leads there from another machine")

//go:embed dashboard.js
var script string

const (
	tokenHeader = "X-Fettle-Token"
	watchers    = 16 // pages that may follow the run at the same time
)

// Server is an http.Handler; Serve runs it on a listener.
type Server struct {
	board    *report.Board
	stop     func()
	control  report.Control
	handler  http.Handler
	ending   chan struct{} // closed when the run is over
	watching atomic.Int32
	pace     time.Duration // between two versions of the page
}

// New returns a server that shows a board's page. It calls stop for each request to stop the run.
func New(board *report.Board, stop func()) *Server {
	s := &Server{
		board: board, stop: stop, control: report.Control{Token: rand.Text(), Script: script},
		ending: make(chan struct{}), pace: time.Second,
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("GET /events", s.events)
	mux.HandleFunc("POST /save", s.command(func() { board.AskToSave() }))
	mux.HandleFunc("POST /stop", s.command(func() { s.stop() }))
	s.handler = mux
	return s
}

// Listen opens an address of this machine.
func Listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err == nil && !guard.Loopback(l.Addr()) {
		l.Close()
		return nil, fmt.Errorf("dashboard on %s: %w", address, ErrExposed)
	}
	return l, err
}

// Serve answers on a listener until ctx is done. Pages that follow the run are then told how it ended.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if !guard.Loopback(l.Addr()) {
		l.Close()
		return fmt.Errorf("dashboard on %s: %w", l.Addr(), ErrExposed)
	}
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("dashboard: %w", err)
	case <-ctx.Done():
	}
	close(s.ending)
	grace, done := context.WithTimeout(context.Background(), 3*time.Second)
	defer done()
	if server.Shutdown(grace) != nil {
		server.Close()
	}
	return nil
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", s.control.Policy()+"; frame-ancestors 'none'")
	switch {
	case !guard.KnownHost(r, nil):
		http.Error(w, "unknown host: allowed are the addresses of this machine and localhost", http.StatusForbidden)
	case r.Header.Get("Origin") != "" && !guard.OwnOrigin(r):
		http.Error(w, "requests from web pages elsewhere are not allowed", http.StatusForbidden)
	default:
		r.Body = http.MaxBytesReader(w, r.Body, 1<<10)
		s.handler.ServeHTTP(w, r)
	}
}

func (s *Server) page(w http.ResponseWriter, _ *http.Request) {
	p, _, _ := s.board.Page()
	text, err := p.Controlled(s.control)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(text)
}

// command answers a request that acts on the run. It must carry the token, which only the server's own page knows.
func (s *Server) command(act func()) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get(tokenHeader)), []byte(s.control.Token)) == 0 {
			http.Error(w, "the page is of another run: load it again", http.StatusForbidden)
			return
		}
		act()
		w.WriteHeader(http.StatusNoContent)
	}
}
