package serve

import (
	"context"
	"net/http"
)

// stream answers the requests one after another in server-sent events, one for each piece of text. An error before the
// first piece becomes an ordinary response, a later one an event. cancel ends the request.
func (s *Server) stream(
	w http.ResponseWriter, r *http.Request, cancel context.CancelCauseFunc, b *body, asked []Request, f form,
	compute computer,
) {
	out := newReply(f.id, f.chunk, asked[0])
	e := newEvents(w, cancel)
	defer e.end()
	var total usage
	for i, q := range asked {
		result, err := streamOne(e, &out, i, q, f, compute)
		if err != nil {
			if !e.begun {
				s.refuse(w, r, err)
				return
			}
			_, failed := s.classify(w, r, err)
			e.send(failed)
			return
		}
		total.add(result, i%b.answers() != 0)
	}
	if b.StreamOptions != nil && b.StreamOptions.IncludeUsage {
		out.Choices, out.Usage = []choice{}, &total
		e.send(out)
	}
	e.write("[DONE]")
}

// streamOne streams answer i.
func streamOne(e *events, out *reply, i int, q Request, f form, compute computer) (Result, error) {
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
	result, err := compute(q, func(piece string) error {
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
