package serve

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// failure holds an error in the form of OpenAI's API.
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
	code := ""
	switch {
	case status == http.StatusUnauthorized:
		f.Error.Type, code = "authentication_error", "invalid_api_key"
	case status == http.StatusTooManyRequests:
		f.Error.Type, code = "rate_limit_error", "rate_limit_exceeded"
	case status == http.StatusNotFound && param == "model":
		code = "model_not_found"
	case status == http.StatusNotFound:
		code = "unknown_url"
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

// fail responds with an error.
func fail(w http.ResponseWriter, status int, param, message string) {
	respond(w, status, newFailure(status, param, message))
}

// refuse responds with the status and message of err.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, f := s.classify(r, err)
	respond(w, status, f)
}

// classify returns the status and the body for an error. Errors that are not the client's are logged, not shown.
func (s *Server) classify(r *http.Request, err error) (int, failure) {
	var long TooLong
	var wrong Wrong
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		f := newFailure(http.StatusBadRequest, long.Param, long.Message)
		code := "context_length_exceeded"
		f.Error.Code = &code
		return http.StatusBadRequest, f
	case errors.As(err, &wrong):
		return http.StatusBadRequest, newFailure(http.StatusBadRequest, wrong.Param, wrong.Message)
	case errors.As(err, &large):
		const status = http.StatusRequestEntityTooLarge
		return status, newFailure(status, "", "the request is too large")
	}
	if r.Context().Err() == nil {
		s.o.Log.Error().Err(err).Str("path", r.URL.Path).Msgf("A request to %s could not be answered", r.URL.Path)
	}
	const status = http.StatusInternalServerError
	return status, newFailure(status, "", "the answer could not be computed; the server's log says why")
}

func respond(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // fails only if the client is gone
}

// usage counts tokens: those of a prompt with several answers once.
type usage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
	Total      int `json:"total_tokens"`
}

// add counts an answer, and its prompt unless the answer before had the same.
func (u *usage) add(r Result, samePrompt bool) {
	if !samePrompt {
		u.Prompt += r.PromptTokens
	}
	u.Completion += r.NewTokens
	u.Total = u.Prompt + u.Completion
}

// choice holds an answer or a piece of one.
type choice struct {
	Index   int       `json:"index"`
	Message *chatText `json:"message,omitempty"` // a whole chat answer
	Delta   *chatText `json:"delta,omitempty"`   // a piece of a chat answer
	Text    *string   `json:"text,omitempty"`    // a completion or a piece of one
	Finish  *string   `json:"finish_reason"`

	Logprobs *Logprobs `json:"logprobs,omitempty"`
}

type chatText struct {
	Role    string  `json:"role,omitempty"`
	Content *string `json:"content,omitempty"`
}

// reply holds a response or one event of a stream. Seed and LeftOut are not in OpenAI's API.
type reply struct {
	ID      string   `json:"id"`
	Object  string   `json:"object"`
	Created int64    `json:"created"`
	Model   string   `json:"model"`
	Choices []choice `json:"choices"`
	Usage   *usage   `json:"usage,omitempty"`
	Seed    int64    `json:"seed"`                        // choice i is sampled with this plus i
	LeftOut int      `json:"messages_left_out,omitempty"` // by "truncate": true
	Timings *timings `json:"timings,omitempty"`           // of the last answer
}

// timings has the names that llama.cpp's server gives to these numbers.
type timings struct {
	Read    float64 `json:"prompt_ms"`
	Written float64 `json:"predicted_ms"`         // after the first token
	Speed   float64 `json:"predicted_per_second"` // tokens after the first; 0: unknown
}

func newTimings(r Result) *timings {
	if r.Reading == 0 {
		return nil
	}
	t := timings{Read: r.Reading.Seconds() * 1e3, Written: r.Writing.Seconds() * 1e3}
	if r.NewTokens > 1 && r.Writing > 0 {
		t.Speed = float64(r.NewTokens-1) / r.Writing.Seconds()
	}
	return &t
}

func newReply(prefix, object string, r Request) reply {
	return reply{
		ID: newID(prefix), Object: object, Created: time.Now().Unix(), Model: r.Model, Choices: []choice{},
		Seed: int64(r.Seed),
	}
}

// finish returns the finish_reason of an answer.
func (r Result) finish() *string {
	reason := "stop"
	if r.Cut {
		reason = "length"
	}
	return &reason
}
