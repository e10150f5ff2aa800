package serve

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
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

// answer answers a request, if it is a right one and there is room. requests returns the answers that its body asks
// for.
func (s *Server) answer(
	w http.ResponseWriter, r *http.Request, requests func(*body) ([]Request, error), f form,
) {
	b, err := s.read(r)
	if err == nil && !slices.Contains(s.engine.Models(), *b.Model) {
		fail(w, http.StatusNotFound, "model", s.unknown(*b.Model))
		return
	}
	var asked []Request
	if err == nil {
		asked, err = requests(b)
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	t := s.turns.enter(s.client(r), cancel)
	if t == nil {
		s.refuse(w, r, errFull)
		return
	}
	defer s.turns.leave(t)
	ctx, done := context.WithTimeoutCause(ctx, s.o.Timeout, errLate)
	defer done()
	left := len(asked)
	compute := func(q Request, emit func(string) error) (Result, error) {
		result, err := s.compute(ctx, t, q, emit)
		if left--; left == 0 || err != nil {
			s.turns.leave(t) // others need not wait until the client has read its answer
		}
		return result, err
	}
	if b.Stream != nil && *b.Stream {
		s.stream(w, r, cancel, b, asked, f, compute)
		return
	}
	s.whole(w, r, b, asked, f, compute)
}

// compute has the engine compute one answer, in a turn of its own. An answer that has begun when the request's time is
// over ends as if its tokens were used up; one that has not is an error.
func (s *Server) compute(
	ctx context.Context, t *ticket, q Request, emit func(string) error,
) (result Result, err error) {
	if err := s.turns.take(ctx, t); err != nil {
		return result, err
	}
	defer s.turns.pass(t)
	defer func() {
		if value := recover(); value != nil {
			err = newPanicked(value)
		}
	}()
	result, err = s.engine.Answer(ctx, q, emit)
	if err == nil || ctx.Err() == nil {
		return result, err
	}
	if err = context.Cause(ctx); err == errLate && result.NewTokens > 0 {
		s.o.Log.Warn().Msgf("An answer ended after %d tokens: its request took longer than %v", result.NewTokens, s.o.Timeout)
		result.Cut, err = true, nil
	}
	return result, err
}

// computer computes one answer.
type computer func(q Request, emit func(text string) error) (Result, error)

// whole answers the requests one after another and responds when the last answer is complete.
func (s *Server) whole(
	w http.ResponseWriter, r *http.Request, b *body, asked []Request, f form, compute computer,
) {
	out := newReply(f.id, f.object, asked[0])
	out.Usage = &usage{}
	for i, q := range asked {
		var text strings.Builder
		result, err := compute(q, func(piece string) error {
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
	respond(w, http.StatusOK, out)
}
