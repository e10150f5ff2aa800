package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
)

// errDeaf reports a client that does not take its answer.
var errDeaf = errors.New("the client does not read its answer")

// events writes server-sent events on a goroutine of its own: an answer is computed no slower where its client reads
// slowly, and others need not wait for it.
type events struct {
	w      http.ResponseWriter
	cancel context.CancelCauseFunc // ends the request when a write fails
	begun  bool                    // there was an event
	done   chan struct{}           // closed when all is written

	mu      sync.Mutex
	changed *sync.Cond
	pending []string
	ended   bool
	err     error // of writing
}

func newEvents(w http.ResponseWriter, cancel context.CancelCauseFunc) *events {
	e := &events{w: w, cancel: cancel, done: make(chan struct{})}
	e.changed = sync.NewCond(&e.mu)
	return e
}

// send passes an event on, without waiting for it. Its error may be an earlier event's.
func (e *events) send(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return e.write(string(text))
}

func (e *events) write(data string) error {
	if !e.begun {
		e.begun = true
		e.w.Header().Set("Content-Type", "text/event-stream")
		e.w.Header().Set("Cache-Control", "no-cache")
		go e.run()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pending = append(e.pending, data)
	e.changed.Signal()
	return e.err
}

// end waits until all events are written or one has failed.
func (e *events) end() {
	if !e.begun {
		return
	}
	e.mu.Lock()
	e.ended = true
	e.changed.Signal()
	e.mu.Unlock()
	<-e.done
}

// run writes events until there are no more.
func (e *events) run() {
	defer close(e.done)
	for {
		e.mu.Lock()
		for len(e.pending) == 0 && !e.ended {
			e.changed.Wait()
		}
		some := e.pending
		e.pending = nil
		e.mu.Unlock()
		if len(some) == 0 {
			return
		}
		if err := e.flush(some); err != nil {
			err = fmt.Errorf("%w: %w", errDeaf, err)
			e.mu.Lock()
			e.err = err
			e.mu.Unlock()
			e.cancel(err)
			return
		}
	}
}

func (e *events) flush(some []string) error {
	for _, data := range some {
		if _, err := fmt.Fprintf(e.w, "data: %s\n\n", data); err != nil {
			return err
		}
	}
	return http.NewResponseController(e.w).Flush()
}
