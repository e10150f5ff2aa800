package serve

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// events writes server-sent events.
type events struct {
	w       http.ResponseWriter
	control *http.ResponseController
	wait    time.Duration // the longest time to write one event
	begun   bool
}

// send writes an event.
func (e *events) send(v any) error {
	if !e.begun {
		e.begun = true
		e.w.Header().Set("Content-Type", "text/event-stream")
		e.w.Header().Set("Cache-Control", "no-cache")
	}
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return e.write(string(text))
}

func (e *events) write(data string) error {
	e.control.SetWriteDeadline(time.Now().Add(e.wait))
	if _, err := fmt.Fprintf(e.w, "data: %s\n\n", data); err != nil {
		return err
	}
	return e.control.Flush()
}

// stream answers the requests one after another in server-sent events, one for each piece of text. An error before the
// first piece becomes an ordinary response, a later one an event.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, b *body, asked []Request, f form) {
	out := newReply(f.id, f.chunk, asked[0])
	e := events{w: w, control: http.NewResponseController(w), wait: s.limits.write}
	var total usage
	for i, q := range asked {
		result, err := s.streamOne(r, &e, &out, i, q, f)
		if err != nil {
			if !e.begun {
				s.refuse(w, r, err)
				return
			}
			_, failed := s.classify(r, err)
			e.send(failed)
			return
		}
		total.add(result, i%b.answers() != 0)
	}
	if b.StreamOptions != nil && b.StreamOptions.IncludeUsage {
		out.Choices, out.Usage = []choice{}, &total
		if e.send(out) != nil {
			return
		}
	}
	e.write("[DONE]")
}

// streamOne streams answer i.
func (s *Server) streamOne(r *http.Request, e *events, out *reply, i int, q Request, f form) (Result, error) {
	begun := f.first == nil
	out.Timings = nil
	event := func(c choice) error {
		c.Index = i
		out.Choices = []choice{c}
		return e.send(out)
	}
	begin := func() error {
		if begun {
			return nil
		}
		begun = true
		return event(*f.first)
	}
	result, err := s.engine.Answer(r.Context(), q, func(piece string) error {
		if err := begin(); err != nil {
			return err
		}
		return event(f.part(&piece))
	})
	if err != nil {
		return result, err
	}
	if err := begin(); err != nil {
		return result, err
	}
	last := f.part(new(string))
	if last.Delta != nil {
		last.Delta = &chatText{}
	}
	last.Finish, out.LeftOut, out.Timings = result.finish(), result.LeftOut, newTimings(result)
	return result, event(last)
}
