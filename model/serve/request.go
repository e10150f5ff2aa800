package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"unicode/utf8"
)

// body holds the fields of a request that the server carries out.
type body struct {
	Model               *string
	Messages            json.RawMessage
	Prompt              json.RawMessage
	MaxTokens           *int
	MaxCompletionTokens *int
	Temperature         *float64
	TopP                *float64
	TopK                *int
	MinP                *float64
	RepetitionPenalty   *float64
	FrequencyPenalty    *float64
	PresencePenalty     *float64
	LogitBias           map[string]float64
	Seed                *int64
	Stop                texts
	N                   *int
	BestOf              *int
	Stream              *bool
	StreamOptions       *streamOptions
	Truncate            *bool
	Echo                *bool
	Logprobs            json.RawMessage
	ResponseFormat      json.RawMessage

	messages []Message // decoded
}

type streamOptions struct {
	IncludeUsage       bool `json:"include_usage"`
	IncludeObfuscation bool `json:"include_obfuscation"` // without effect: it pads chunks to equal lengths
}

// fields returns where the value of each field is stored.
func (b *body) fields() map[string]any {
	return map[string]any{
		"model": &b.Model, "messages": &b.Messages, "prompt": &b.Prompt, "max_tokens": &b.MaxTokens,
		"max_completion_tokens": &b.MaxCompletionTokens, "temperature": &b.Temperature, "top_p": &b.TopP,
		"top_k": &b.TopK, "min_p": &b.MinP, "repetition_penalty": &b.RepetitionPenalty,
		"frequency_penalty": &b.FrequencyPenalty, "presence_penalty": &b.PresencePenalty, "logit_bias": &b.LogitBias,
		"seed": &b.Seed, "stop": &b.Stop, "n": &b.N, "best_of": &b.BestOf, "stream": &b.Stream,
		"stream_options": &b.StreamOptions, "truncate": &b.Truncate, "echo": &b.Echo, "logprobs": &b.Logprobs,
		"response_format": &b.ResponseFormat,
	}
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

// errSlow reports a body that did not arrive in time.
var errSlow = errors.New("the body did not arrive in time")

// read decodes and checks a request's body.
func (s *Server) read(r *http.Request) (*body, error) {
	var whole json.RawMessage
	var raw map[string]json.RawMessage
	d := json.NewDecoder(r.Body)
	err := d.Decode(&whole)
	if err == nil {
		err = json.Unmarshal(whole, &raw)
	}
	if err == nil && raw == nil {
		return nil, Wrong{"", "the body is null, want a JSON object: {\"messages\": …}"}
	}
	if err != nil {
		var large *http.MaxBytesError
		var kind *json.UnmarshalTypeError
		switch {
		case errors.As(err, &large):
			return nil, err
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, errSlow
		case err == io.EOF:
			return nil, Wrong{"", "the body is empty, want a JSON object: {\"messages\": …}"}
		case errors.Is(err, io.ErrUnexpectedEOF):
			return nil, Wrong{"", "the body is not JSON: it ends in the middle of a value"}
		case errors.As(err, &kind):
			return nil, Wrong{"", "the body is a JSON " + kind.Value + ", want an object: {\"messages\": …}"}
		}
		return nil, Wrong{"", "the body is not JSON: " + err.Error()}
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, Wrong{"", "something follows the JSON of the body"}
	}
	if !utf8.Valid(whole) {
		return nil, Wrong{"", "the body is not JSON: it is not encoded in UTF-8"}
	}
	if field := repeated(json.NewDecoder(bytes.NewReader(whole)), ""); field != "" {
		return nil, Wrong{field, field + " stands twice in the request: send it once"}
	}
	var b body
	known := b.fields()
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		value := raw[name]
		if string(value) == "null" {
			continue
		}
		into, ok := known[name]
		if !ok {
			if err := permit("", name, value, others()); err != nil {
				return nil, err
			}
			continue
		}
		if err := decode(name, value, into); err != nil {
			return nil, err
		}
	}
	if b.Model == nil || *b.Model == "" {
		b.Model = &s.engine.Models()[0]
	}
	if b.Seed == nil {
		seed := int64(s.seed())
		b.Seed = &seed
	}
	if b.Truncate == nil && b.Messages != nil {
		b.Truncate = &s.o.Truncate
	}
	if b.messages, err = readMessages(b.Messages); err != nil {
		return nil, err
	}
	return &b, b.check(s.o.MaxTokens)
}

// check returns an error that names the first field out of its range; most bounds max_tokens, unless it is 0.
func (b *body) check(most int) error {
	within := func(v *float64, lo, hi float64) bool { return v == nil || *v >= lo && *v <= hi }
	number := func(v *int, lo, hi int) bool { return v == nil || *v >= lo && *v <= hi }
	switch {
	case b.MaxTokens != nil && b.MaxCompletionTokens != nil && *b.MaxTokens != *b.MaxCompletionTokens:
		return Wrong{"max_tokens", fmt.Sprintf("max_tokens is %d and max_completion_tokens %d: they mean the same, send one",
			*b.MaxTokens, *b.MaxCompletionTokens)}
	case !number(b.MaxTokens, b.fewest(), 1<<20):
		return Wrong{"max_tokens", fmt.Sprintf("max_tokens is %d, want 1 or more", *b.MaxTokens)}
	case !number(b.MaxCompletionTokens, 1, 1<<20):
		return Wrong{"max_completion_tokens",
			fmt.Sprintf("max_completion_tokens is %d, want 1 or more", *b.MaxCompletionTokens)}
	case most > 0 && !number(b.MaxTokens, 0, most):
		return Wrong{"max_tokens", fmt.Sprintf("max_tokens is %d, this server allows at most %d (its --max_new_tokens)",
			*b.MaxTokens, most)}
	case most > 0 && !number(b.MaxCompletionTokens, 0, most):
		return Wrong{"max_completion_tokens", fmt.Sprintf("max_completion_tokens is %d, this server allows at most %d (its "+
			"--max_new_tokens)", *b.MaxCompletionTokens, most)}
	case !within(b.Temperature, 0, 2):
		return Wrong{"temperature", fmt.Sprintf("temperature is %v, want 0 to 2", *b.Temperature)}
	case !within(b.TopP, 0, 1) || b.TopP != nil && *b.TopP == 0:
		return Wrong{"top_p", fmt.Sprintf("top_p is %v, want more than 0, at most 1", *b.TopP)}
	case !within(b.MinP, 0, 1):
		return Wrong{"min_p", fmt.Sprintf("min_p is %v, want 0 to 1", *b.MinP)}
	case b.TopK != nil && *b.TopK < -1:
		return Wrong{"top_k", fmt.Sprintf("top_k is %d, want 0 or more", *b.TopK)}
	case !within(b.RepetitionPenalty, 0.01, 100):
		return Wrong{"repetition_penalty",
			fmt.Sprintf("repetition_penalty is %v, want 0.01 to 100", *b.RepetitionPenalty)}
	case !within(b.FrequencyPenalty, -2, 2):
		return Wrong{"frequency_penalty", fmt.Sprintf("frequency_penalty is %v, want -2 to 2", *b.FrequencyPenalty)}
	case !within(b.PresencePenalty, -2, 2):
		return Wrong{"presence_penalty", fmt.Sprintf("presence_penalty is %v, want -2 to 2", *b.PresencePenalty)}
	case !number(b.N, 1, maxAnswers):
		return Wrong{"n", fmt.Sprintf("n is %d, want 1 to %d", *b.N, maxAnswers)}
	case b.BestOf != nil && *b.BestOf != b.answers():
		return Wrong{"best_of", fmt.Sprintf("best_of is %d and n %d: answers are not ranked, leave best_of out", *b.BestOf,
			b.answers())}
	case len(b.Stop) > 16:
		return Wrong{"stop", fmt.Sprintf("%d stop texts, want 16 at most", len(b.Stop))}
	}
	if _, err := b.json(); err != nil {
		return err
	}
	_, err := b.bias()
	return err
}

// fewest returns the smallest max_tokens: with echo the prompt alone may be wanted.
func (b *body) fewest() int {
	if b.Echo != nil && *b.Echo {
		return 0
	}
	return 1
}

// maxAnswers bounds the answers to one request.
const maxAnswers = 64

// answers returns the number of answers to a prompt.
func (b *body) answers() int {
	if b.N == nil {
		return 1
	}
	return *b.N
}

// bias decodes logit_bias: {"token": -100 to 100}.
func (b *body) bias() (map[int32]float64, error) {
	if len(b.LogitBias) == 0 {
		return nil, nil
	}
	bias := map[int32]float64{}
	for _, key := range slices.Sorted(maps.Keys(b.LogitBias)) {
		token, err := strconv.ParseInt(key, 10, 32)
		if v := b.LogitBias[key]; err != nil || token < 0 || !(v >= -100 && v <= 100) {
			return nil, Wrong{"logit_bias", fmt.Sprintf("logit_bias has %q: %v, want a token's number and -100 to 100", key, v)}
		}
		if _, ok := bias[int32(token)]; ok {
			return nil, Wrong{"logit_bias", fmt.Sprintf("logit_bias has token %d twice: send it once", token)}
		}
		bias[int32(token)] = b.LogitBias[key]
	}
	return bias, nil
}

// request converts the body, without its prompt, for the engine.
func (b *body) request() Request {
	bias, _ := b.bias() // checked
	object, _ := b.json()
	r := Request{
		JSON:  object,
		Model: *b.Model, MaxTokens: b.MaxTokens, Temperature: b.Temperature, TopP: b.TopP, TopK: b.TopK,
		MinP: b.MinP, RepetitionPenalty: b.RepetitionPenalty, FrequencyPenalty: b.FrequencyPenalty,
		PresencePenalty: b.PresencePenalty, LogitBias: bias, Stop: b.Stop, Seed: uint64(*b.Seed),
		Truncate: b.Truncate != nil && *b.Truncate,
	}
	if b.MaxTokens == nil {
		r.MaxTokens = b.MaxCompletionTokens
	}
	if b.TopK != nil && *b.TopK == -1 { // some clients' way to say all
		r.TopK = new(int)
	}
	return r
}

// chats returns the requests of a chat, one for each answer.
func (b *body) chats() ([]Request, error) {
	switch {
	case len(b.Prompt) > 0:
		return nil, Wrong{"prompt", "prompt belongs to /v1/completions; a chat has messages"}
	case b.BestOf != nil && *b.BestOf != 1:
		return nil, Wrong{"best_of", "best_of belongs to /v1/completions"}
	case len(b.messages) == 0:
		return nil, Wrong{"messages", "messages is missing: the conversation to answer"}
	}
	if err := b.withoutLogprobs(); err != nil {
		return nil, err
	}
	r := b.request()
	r.Messages = b.messages
	return b.repeat([]Request{r}), nil
}

// repeat returns n requests for each request, with seeds that count up from the request's.
func (b *body) repeat(prompts []Request) []Request {
	var all []Request
	for _, r := range prompts {
		for range b.answers() {
			r.Seed = uint64(*b.Seed) + uint64(len(all))
			all = append(all, r)
		}
	}
	return all
}

// completions returns the requests of a completion, one for each answer to each prompt: a string, a list of tokens, or
// a list of either.
func (b *body) completions() ([]Request, error) {
	if len(b.messages) > 0 {
		return nil, Wrong{"messages", "messages belong to /v1/chat/completions; a completion has a prompt"}
	}
	r := b.request()
	if r.Truncate {
		return nil, Wrong{"truncate", "truncate leaves out messages and belongs to /v1/chat/completions"}
	}
	var err error
	if r.Logprobs, err = b.logprobs(); err != nil {
		return nil, err
	}
	r.Echo = b.Echo != nil && *b.Echo
	one := func(text string, tokens []int32) Request {
		q := r
		q.Prompt, q.Tokens = text, tokens
		return q
	}
	var text string
	var list []string
	var tokens []int32
	var lists [][]int32
	var all []Request
	switch {
	case holdsNull(b.Prompt):
		return nil, Wrong{"prompt", fmt.Sprintf("prompt is %s: null is neither a text nor a token", short(b.Prompt))}
	case len(b.Prompt) == 0:
		all = append(all, r)
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
	if n := len(all) * b.answers(); n == 0 || n > maxAnswers {
		return nil, Wrong{"prompt", fmt.Sprintf("%d prompts with %d answers each, want 1 to %d answers", len(all),
			b.answers(), maxAnswers)}
	}
	return b.repeat(all), nil
}
