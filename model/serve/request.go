package serve

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// body holds a request's JSON. Unknown fields are ignored, as clients send many; known ones that would change the
// answer and are not supported are refused.
type body struct {
	Model               string          `json:"model"`
	Messages            []message       `json:"messages"`
	Prompt              json.RawMessage `json:"prompt"`
	MaxTokens           *int            `json:"max_tokens"`
	MaxCompletionTokens *int            `json:"max_completion_tokens"`
	Temperature         *float64        `json:"temperature"`
	TopP                *float64        `json:"top_p"`
	TopK                *int            `json:"top_k"`
	MinP                *float64        `json:"min_p"`
	RepetitionPenalty   *float64        `json:"repetition_penalty"`
	Seed                *int64          `json:"seed"`
	Stop                texts           `json:"stop"`
	N                   *int            `json:"n"`
	Stream              bool            `json:"stream"`
	StreamOptions       struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`

	Echo     bool            `json:"echo"`
	Suffix   *string         `json:"suffix"`
	Logprobs json.RawMessage `json:"logprobs"`
	Tools    []any           `json:"tools"`
}

// message is one message of a chat.
type message struct {
	Role    string  `json:"role"`
	Content content `json:"content"`
}

type content string

// UnmarshalJSON reads "text", [{"type": "text", "text": "…"}] or null.
func (c *content) UnmarshalJSON(text []byte) error {
	var whole *string
	if json.Unmarshal(text, &whole) == nil {
		if whole != nil {
			*c = content(*whole)
		}
		return nil
	}
	var parts []struct{ Type, Text string }
	if json.Unmarshal(text, &parts) != nil {
		return errors.New("content is neither a text nor a list of parts")
	}
	for _, p := range parts {
		if p.Type != "text" {
			return fmt.Errorf("content of type %q is not understood, only text is", p.Type)
		}
		*c += content(p.Text)
	}
	return nil
}

// texts reads one string or a list of strings.
type texts []string

// UnmarshalJSON reads "a", ["a", "b"] or null.
func (t *texts) UnmarshalJSON(text []byte) error {
	var one *string
	if json.Unmarshal(text, &one) == nil {
		if one != nil {
			*t = texts{*one}
		}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(t))
}

// read decodes and checks a request's body.
func (s *Server) read(r *http.Request) (*body, error) {
	var b body
	d := json.NewDecoder(r.Body)
	if err := d.Decode(&b); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, err
		}
		return nil, Wrong{"", "the body is not the JSON that is wanted: " + strings.TrimPrefix(err.Error(), "json: ")}
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, Wrong{"", "something follows the JSON of the body"}
	}
	if b.Model == "" {
		b.Model = s.engine.Models()[0]
	}
	return &b, b.check()
}

func (b *body) check() error {
	if b.MaxTokens == nil {
		b.MaxTokens = b.MaxCompletionTokens
	}
	within := func(v *float64, lo, hi float64) bool { return v == nil || *v >= lo && *v <= hi }
	logprobs := strings.TrimSpace(string(b.Logprobs))
	switch {
	case b.MaxTokens != nil && (*b.MaxTokens < 1 || *b.MaxTokens > 1<<20):
		return Wrong{"max_tokens", fmt.Sprintf("max_tokens is %d, want 1 or more", *b.MaxTokens)}
	case !within(b.Temperature, 0, 100):
		return Wrong{"temperature", fmt.Sprintf("temperature is %v, want 0 to 100", *b.Temperature)}
	case !within(b.TopP, 0, 1) || b.TopP != nil && *b.TopP == 0:
		return Wrong{"top_p", fmt.Sprintf("top_p is %v, want more than 0, at most 1", *b.TopP)}
	case !within(b.MinP, 0, 1):
		return Wrong{"min_p", fmt.Sprintf("min_p is %v, want 0 to 1", *b.MinP)}
	case b.TopK != nil && *b.TopK < -1:
		return Wrong{"top_k", fmt.Sprintf("top_k is %d, want 0 or more", *b.TopK)}
	case !within(b.RepetitionPenalty, 0.01, 100):
		return Wrong{"repetition_penalty",
			fmt.Sprintf("repetition_penalty is %v, want 0.01 to 100", *b.RepetitionPenalty)}
	case b.N != nil && *b.N != 1:
		return Wrong{"n", fmt.Sprintf("n is %d; one answer at a time", *b.N)}
	case len(b.Stop) > 16:
		return Wrong{"stop", fmt.Sprintf("%d stop texts, want 16 at most", len(b.Stop))}
	case b.Echo || b.Suffix != nil && *b.Suffix != "":
		return Wrong{"echo", "echo and suffix are not supported"}
	case logprobs != "" && logprobs != "null" && logprobs != "false":
		return Wrong{"logprobs", "logprobs are not supported"}
	case len(b.Tools) > 0:
		return Wrong{"tools", "tools are not supported"}
	}
	for i, m := range b.Messages {
		if !slices.Contains([]string{"system", "developer", "user", "assistant", "tool"}, m.Role) {
			return Wrong{fmt.Sprintf("messages[%d].role", i),
				fmt.Sprintf("role is %q, want system, user, assistant or tool", m.Role)}
		}
	}
	return nil
}

// request converts the body, without its prompt, for the engine.
func (b *body) request() Request {
	r := Request{
		Model: b.Model, MaxTokens: b.MaxTokens, Temperature: b.Temperature, TopP: b.TopP, TopK: b.TopK,
		MinP: b.MinP, RepetitionPenalty: b.RepetitionPenalty, Stop: b.Stop,
	}
	if b.TopK != nil && *b.TopK == -1 { // some clients' way to say all
		r.TopK = new(int)
	}
	if b.Seed != nil {
		seed := uint64(*b.Seed)
		r.Seed = &seed
	}
	for _, m := range b.Messages {
		if m.Role == "developer" {
			m.Role = "system"
		}
		r.Messages = append(r.Messages, Message{m.Role, string(m.Content)})
	}
	return r
}

// prompts returns one request for each prompt of a completion: a string, a list of tokens, or a list of either.
func (b *body) prompts() ([]Request, error) {
	r := b.request()
	r.Messages = nil
	one := func(text string, tokens []int32) Request {
		q := r
		q.Prompt, q.Tokens = text, tokens
		return q
	}
	if len(b.Prompt) == 0 || string(b.Prompt) == "null" {
		return []Request{r}, nil
	}
	var text string
	var list []string
	var tokens []int32
	var lists [][]int32
	var all []Request
	switch {
	case json.Unmarshal(b.Prompt, &text) == nil:
		all = append(all, one(text, nil))
	case json.Unmarshal(b.Prompt, &list) == nil:
		for _, t := range list {
			all = append(all, one(t, nil))
		}
	case json.Unmarshal(b.Prompt, &tokens) == nil:
		all = append(all, one("", tokens))
	case json.Unmarshal(b.Prompt, &lists) == nil:
		for _, t := range lists {
			all = append(all, one("", t))
		}
	default:
		return nil, Wrong{"prompt", "prompt is neither a text nor tokens nor a list of either"}
	}
	if len(all) == 0 || len(all) > 64 || b.Stream && len(all) > 1 {
		return nil, Wrong{"prompt", fmt.Sprintf("%d prompts, want 1 to 64, and one to stream", len(all))}
	}
	return all, nil
}
