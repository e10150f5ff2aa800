package serve

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// failure is an error in OpenAI's shape.
type failure struct {
	Error struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	} `json:"error"`
}

func newFailure(status int, param, message string) failure {
	var f failure
	f.Error.Message, f.Error.Type = message, "invalid_request_error"
	code := map[int]string{http.StatusUnauthorized: "invalid_api_key", http.StatusTooManyRequests: "rate_limit_exceeded", http.StatusNotFound: "not_found"}[status]
	switch {
	case status == http.StatusUnauthorized:
		f.Error.Type = "authentication_error"
	case status == http.StatusTooManyRequests:
		f.Error.Type = "rate_limit_error"
	case status >= 500:
		f.Error.Type = "server_error"
	}
	if param != "" {
		f.Error.Param = &param
	}
	if code != "" {
		f.Error.Code = &code
	}
	return f
}

// fail answers with an error.
func fail(w http.ResponseWriter, status int, param, message string) {
	respond(w, status, newFailure(status, param, message))
}

// refuse answers with what an error means.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, f := s.meaning(r, err)
	respond(w, status, f)
}

func (s *Server) meaning(r *http.Request, err error) (int, failure) {
	var wrong Wrong
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &wrong):
		return http.StatusBadRequest, newFailure(http.StatusBadRequest, wrong.Param, wrong.Message)
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge, newFailure(http.StatusRequestEntityTooLarge, "", "the request is too large")
	}
	if r.Context().Err() == nil {
		s.o.Log.Error().Err(err).Str("path", r.URL.Path).Msg("answer")
	}
	return http.StatusInternalServerError, newFailure(http.StatusInternalServerError, "", "the answer could not be computed; the server's log says why")
}

func respond(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // a client that is gone is no error of ours
}

// usage counts tokens.
type usage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
	Total      int `json:"total_tokens"`
}

func (u *usage) add(r Result) {
	u.Prompt += r.PromptTokens
	u.Completion += r.NewTokens
	u.Total = u.Prompt + u.Completion
}

// choice is an answer, whole or a piece of one.
type choice struct {
	Index   int     `json:"index"`
	Message *said   `json:"message,omitempty"` // of a whole chat answer
	Delta   *said   `json:"delta,omitempty"`   // of a piece of one
	Text    *string `json:"text,omitempty"`    // of a completion
	Finish  *string `json:"finish_reason"`
}

type said struct {
	Role    string  `json:"role,omitempty"`
	Content *string `json:"content,omitempty"`
}

// reply is a response, or one event of a stream.
type reply struct {
	ID      string   `json:"id"`
	Object  string   `json:"object"`
	Created int64    `json:"created"`
	Model   string   `json:"model"`
	Choices []choice `json:"choices"`
	Usage   *usage   `json:"usage,omitempty"`
}

func newReply(prefix, object, model string) reply {
	return reply{ID: newID(prefix), Object: object, Created: time.Now().Unix(), Model: model, Choices: []choice{}}
}

// finish is why an answer ended.
func (r Result) finish() *string {
	reason := "stop"
	if r.Cut {
		reason = "length"
	}
	return &reason
}
