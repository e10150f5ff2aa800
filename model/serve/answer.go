package serve

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	var there []string
	for pattern := range s.routes() {
		if method, path, ok := strings.Cut(pattern, " /v1"); ok {
			there = append(there, method+" /v1"+path)
		}
	}
	slices.Sort(there)
	fail(w, http.StatusNotFound, "", fmt.Sprintf("there is no %s %s; this server has %s", r.Method, r.URL.Path,
		strings.Join(there, ", ")))
}

func (s *Server) unknown(name string) string {
	return fmt.Sprintf("no model %q here, there is %s", name, strings.Join(s.engine.Models(), ", "))
}

// admit reads a request and waits until no other is being answered; requests returns the answers that the body asks
// for. Where admit returns false, it has written the error.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, requests func(*body) ([]Request, error)) (
	asked []Request, b *body, release func(), ok bool,
) {
	b, err := s.read(r)
	if err == nil && !slices.Contains(s.engine.Models(), *b.Model) {
		fail(w, http.StatusNotFound, "model", s.unknown(*b.Model))
		return nil, nil, nil, false
	}
	if err == nil {
		asked, err = requests(b)
	}
	if err != nil {
		s.refuse(w, r, err)
		return nil, nil, nil, false
	}
	if release, ok = s.acquire(r.Context()); !ok {
		w.Header().Set("Retry-After", "5")
		fail(w, http.StatusTooManyRequests, "", "too many requests are waiting; try again in a few seconds")
		return nil, nil, nil, false
	}
	return asked, b, release, true
}

// form is the shape of an endpoint's responses.
type form struct {
	id, object, chunk string               // object of a whole response and of a stream's events
	whole, part       func(*string) choice // for a whole answer and for a piece of one
	first             *choice              // begins a stream; may be nil
}

// chat answers POST /v1/chat/completions.
func (s *Server) chat(w http.ResponseWriter, r *http.Request) {
	s.answer(w, r, (*body).chats, form{
		id: "chatcmpl-", object: "chat.completion", chunk: "chat.completion.chunk",
		whole: func(text *string) choice { return choice{Message: &chatText{"assistant", text}} },
		part:  func(text *string) choice { return choice{Delta: &chatText{Content: text}} },
		first: &choice{Delta: &chatText{Role: "assistant", Content: new(string)}},
	})
}

// completion answers POST /v1/completions.
func (s *Server) completion(w http.ResponseWriter, r *http.Request) {
	part := func(text *string) choice { return choice{Text: text} }
	s.answer(w, r, (*body).completions, form{
		id: "cmpl-", object: "text_completion", chunk: "text_completion", whole: part, part: part,
	})
}

func (s *Server) answer(
	w http.ResponseWriter, r *http.Request, requests func(*body) ([]Request, error), f form,
) {
	asked, b, release, ok := s.admit(w, r, requests)
	if !ok {
		return
	}
	defer release()
	if b.Stream != nil && *b.Stream {
		s.stream(w, r, b, asked, f)
		return
	}
	s.whole(w, r, b, asked, f)
}

// whole answers the requests one after another and responds when the last answer is complete.
func (s *Server) whole(w http.ResponseWriter, r *http.Request, b *body, asked []Request, f form) {
	out := newReply(f.id, f.object, asked[0])
	out.Usage = &usage{}
	for i, q := range asked {
		var text strings.Builder
		result, err := s.engine.Answer(r.Context(), q, func(piece string) error {
			text.WriteString(piece)
			return nil
		})
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		said := text.String()
		c := f.whole(&said)
		c.Index, c.Finish, c.Logprobs = i, result.finish(), result.Logprobs
		out.Choices, out.LeftOut, out.Timings = append(out.Choices, c), result.LeftOut, newTimings(result)
		out.Usage.add(result, i%b.answers() != 0)
	}
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.limits.write))
	respond(w, http.StatusOK, out)
}
