package serve

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	fail(w, http.StatusNotFound, "", fmt.Sprintf("there is no %s %s", r.Method, r.URL.Path))
}

// entry describes a model, as /v1/models lists it.
type entry struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	Owner   string `json:"owned_by"`
}

func (s *Server) models(w http.ResponseWriter, _ *http.Request) {
	list := []entry{}
	for _, name := range s.engine.Models() {
		list = append(list, entry{ID: name, Object: "model", Owner: "fettle"})
	}
	respond(w, http.StatusOK, map[string]any{"object": "list", "data": list})
}

func (s *Server) model(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("model")
	if !slices.Contains(s.engine.Models(), name) {
		fail(w, http.StatusNotFound, "model", s.unknown(name))
		return
	}
	respond(w, http.StatusOK, entry{ID: name, Object: "model", Owner: "fettle"})
}

func (s *Server) unknown(name string) string {
	return fmt.Sprintf("no model %q here, there is %s", name, strings.Join(s.engine.Models(), ", "))
}

// admit reads a request and waits until no other is being answered. Where it returns false, it has written the error.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) (b *body, release func(), ok bool) {
	b, err := s.read(r)
	if err != nil {
		s.refuse(w, r, err)
		return nil, nil, false
	}
	if !slices.Contains(s.engine.Models(), b.Model) {
		fail(w, http.StatusNotFound, "model", s.unknown(b.Model))
		return nil, nil, false
	}
	if release, ok = s.acquire(r.Context()); !ok {
		w.Header().Set("Retry-After", "5")
		fail(w, http.StatusTooManyRequests, "", "too many requests are waiting; try again in a few seconds")
		return nil, nil, false
	}
	return b, release, true
}

// chat answers POST /v1/chat/completions.
func (s *Server) chat(w http.ResponseWriter, r *http.Request) {
	b, release, ok := s.admit(w, r)
	if !ok {
		return
	}
	defer release()
	if len(b.Messages) == 0 {
		s.refuse(w, r, Wrong{"messages", "messages is missing: the conversation to answer"})
		return
	}
	if b.Stream {
		reply := newReply("chatcmpl-", "chat.completion.chunk", b.Model)
		first := choice{Delta: &chatText{Role: "assistant", Content: new(string)}}
		s.stream(w, r, b, b.request(), reply, &first, func(text *string) choice {
			return choice{Delta: &chatText{Content: text}}
		})
		return
	}
	reply := newReply("chatcmpl-", "chat.completion", b.Model)
	s.whole(w, r, []Request{b.request()}, reply, func(text *string) choice {
		return choice{Message: &chatText{"assistant", text}}
	})
}

// completion answers POST /v1/completions.
func (s *Server) completion(w http.ResponseWriter, r *http.Request) {
	b, release, ok := s.admit(w, r)
	if !ok {
		return
	}
	defer release()
	requests, err := b.prompts()
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	reply := newReply("cmpl-", "text_completion", b.Model)
	part := func(text *string) choice { return choice{Text: text} }
	if b.Stream {
		s.stream(w, r, b, requests[0], reply, nil, part)
		return
	}
	s.whole(w, r, requests, reply, part)
}

// whole answers the requests one after another and responds when the last answer is complete.
func (s *Server) whole(
	w http.ResponseWriter, r *http.Request, requests []Request, out reply, part func(*string) choice,
) {
	out.Usage = &usage{}
	for i, q := range requests {
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
		c := part(&said)
		c.Index, c.Finish = i, result.finish()
		out.Choices = append(out.Choices, c)
		out.Usage.add(result)
	}
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.limits.write))
	respond(w, http.StatusOK, out)
}

// stream answers in server-sent events, one for each piece of text, after one with first unless that is nil. An error
// before the first piece becomes an ordinary response, a later one an event.
func (s *Server) stream(
	w http.ResponseWriter, r *http.Request, b *body, q Request, out reply, first *choice, part func(*string) choice,
) {
	control := http.NewResponseController(w)
	begun := false
	send := func(v any) error {
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		control.SetWriteDeadline(time.Now().Add(s.limits.write))
		if _, err := fmt.Fprintf(w, "data: %s\n\n", text); err != nil {
			return err
		}
		return control.Flush()
	}
	event := func(choices ...choice) error {
		if !begun {
			begun = true
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Cache-Control", "no-cache")
			if first != nil {
				out.Choices = []choice{*first}
				if err := send(out); err != nil {
					return err
				}
			}
		}
		out.Choices = choices
		return send(out)
	}
	result, err := s.engine.Answer(r.Context(), q, func(piece string) error { return event(part(&piece)) })
	if err != nil {
		if !begun {
			s.refuse(w, r, err)
			return
		}
		_, f := s.classify(r, err)
		send(f)
		return
	}
	last := part(new(string))
	if last.Delta != nil {
		last.Delta = &chatText{}
	}
	last.Finish = result.finish()
	if event(last) != nil {
		return
	}
	if b.StreamOptions.IncludeUsage {
		out.Usage = &usage{}
		out.Usage.add(result)
		if event([]choice{}...) != nil {
			return
		}
	}
	fmt.Fprint(w, "data: [DONE]\n\n")
	control.Flush()
}
