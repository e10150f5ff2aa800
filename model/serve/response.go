package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	case status == http.StatusServiceUnavailable:
		f.Error.Type, code = "server_error", "overloaded"
	case status == http.StatusGatewayTimeout:
		f.Error.Type, code = "server_error", "request_timeout"
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

// refuse responds with the status and message of err, unless the client has gone.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	status, f := s.classify(w, r, err)
	switch status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	case http.StatusGatewayTimeout:
		w.Header().Set("X-Should-Retry", "false") // OpenAI's clients would send it again, to the same end
	}
	respond(w, status, f)
}

// classify returns the status and the body for an error. Errors that are not the client's are logged, not shown.
func (s *Server) classify(w http.ResponseWriter, r *http.Request, err error) (int, failure) {
	var long TooLong
	var wrong Wrong
	var large *http.MaxBytesError
	var fault panicked
	is := func(status int, param, message string) (int, failure) {
		return status, newFailure(status, param, message)
	}
	switch {
	case errors.As(err, &long):
		status, f := is(http.StatusBadRequest, long.Param, long.Message)
		code := "context_length_exceeded"
		f.Error.Code = &code
		return status, f
	case errors.As(err, &wrong):
		return is(http.StatusBadRequest, wrong.Param, wrong.Message)
	case errors.As(err, &large):
		return is(http.StatusRequestEntityTooLarge, "", fmt.Sprintf("the request is larger than %d bytes", large.Limit))
	case errors.Is(err, errSlow):
		return is(http.StatusRequestTimeout, "", fmt.Sprintf("the body did not arrive within %v", s.limits.read))
	case errors.Is(err, errFull), errors.Is(err, errCrowded):
		return is(http.StatusTooManyRequests, "", err.Error())
	case errors.Is(err, errWaited):
		return is(http.StatusServiceUnavailable, "", fmt.Sprintf("the request waited %v for its turn, as long as it may "+
			"(--request_timeout); try again later", s.o.Timeout))
	case errors.Is(err, errLate):
		return is(http.StatusGatewayTimeout, "", fmt.Sprintf("the request took %v, as long as it may (--request_timeout): "+
			"ask for fewer answers, shorter ones, or with a shorter prompt", s.o.Timeout))
	case errors.As(err, &fault):
		id := w.Header().Get("X-Request-Id")
		s.o.Log.Error().Str("id", id).Str("stack", fault.stack).Msgf("Request %s is a fault of the server: %s", id,
			fault.what)
		return is(http.StatusInternalServerError, "", "a fault of the server; its log has the request "+id)
	}
	if r.Context().Err() == nil && !errors.Is(err, errDeaf) {
		s.o.Log.Error().Err(err).Str("path", r.URL.Path).Msgf("A request to %s could not be answered", r.URL.Path)
	}
	return is(http.StatusInternalServerError, "", "the answer could not be computed; the server's log says why")
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
