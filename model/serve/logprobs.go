package serve

import (
	"encoding/json"
	"fmt"
)

// Logprobs holds the natural logarithms of tokens' probabilities, in the form of OpenAI's completions: those of the
// model itself, before sampling settings. Lists have an element for each token of the answer, with Echo after those of
// the prompt.
type Logprobs struct {
	Tokens []string             `json:"tokens"`
	Values []*float64           `json:"token_logprobs"` // nil for a first token: nothing predicts it
	Top    []map[string]float64 `json:"top_logprobs"`   // the most probable tokens and the token itself
	Offset []int                `json:"text_offset"`    // characters of text before the token
}

// maxLogprobs bounds the probabilities reported beside each token's own.
const maxLogprobs = 100

// logprobs decodes the field of a completion: a number of tokens, or false.
func (b *body) logprobs() (*int, error) {
	if len(b.Logprobs) == 0 || string(b.Logprobs) == "false" {
		return nil, nil
	}
	var n *int
	if err := decode("logprobs", b.Logprobs, &n); err != nil {
		return nil, err
	}
	switch {
	case *n < 0 || *n > maxLogprobs:
		return nil, Wrong{"logprobs", fmt.Sprintf("logprobs is %d, want 0 to %d", *n, maxLogprobs)}
	case b.Stream != nil && *b.Stream:
		return nil, Wrong{"logprobs", "logprobs are not streamed: leave stream out"}
	}
	return n, nil
}

// withoutLogprobs refuses the fields of completions that a chat's answer does not carry out.
func (b *body) withoutLogprobs() error {
	list := []other{
		{name: "logprobs", neutral: `false`, why: "probabilities of tokens are returned by /v1/completions only"},
		{name: "echo", neutral: `false`, why: "the answer to a chat does not repeat it"},
	}
	echo, _ := json.Marshal(b.Echo)
	for name, value := range map[string]json.RawMessage{"logprobs": b.Logprobs, "echo": echo} {
		if len(value) == 0 || string(value) == "null" {
			continue
		}
		if err := permit("", name, value, list); err != nil {
			return err
		}
	}
	return nil
}
