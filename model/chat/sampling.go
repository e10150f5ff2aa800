package chat

import (
	"fmt"
	"math/rand/v2"

	"fettle/internal/fault"
	"fettle/model/generate"
)

// Sampling holds the settings of an answer.
type Sampling struct {
	MaxNewTokens int      `yaml:"max_new_tokens" most:"16777216" group:"sampling" alias:"max_tokens" help:"longest answer in tokens; the model's generation_config.json, if it has one, sets other defaults for this and the next settings"`
	Temperature  float64  `yaml:"temperature" help:"0: always the most probable token"`
	TopK         int      `yaml:"top_k" help:"sample among the k most probable tokens; 0: all"`
	TopP         float64  `yaml:"top_p" help:"sample among the most probable tokens that together have this probability"`
	MinP         float64  `yaml:"min_p" help:"never sample a token less probable than this times the most probable one"`
	Repetition   float64  `yaml:"repetition_penalty" help:"above 1, tokens that already occurred become less probable"`
	Frequency    float64  `yaml:"frequency_penalty" help:"subtracted from a token's logit for each time the answer holds it"`
	Presence     float64  `yaml:"presence_penalty" help:"subtracted from a token's logit once the answer holds it"`
	Stop         []string `yaml:"stop" help:"texts that end the answer, beside the end of text"`
	Seed         uint64   `yaml:"seed" help:"the same seed samples the same tokens; default: a new one each time, which --verbose shows and the API returns"`

	Bias   map[int32]float64 `yaml:"-"` // added to the logits of tokens
	Absent []int32           `yaml:"-"` // tokens that are never sampled, beside those that the tokenizer lacks
	JSON   bool              `yaml:"-"` // the answer is a JSON object
}

// mostTokens is the largest max_new_tokens; no model has so many positions.
const mostTokens = 1 << 24

// DefaultSampling returns the default settings of generate, chat and serve.
func DefaultSampling() Sampling {
	return Sampling{MaxNewTokens: 256, Temperature: 0.7, TopP: 0.95, Repetition: 1}
}

// Greedy returns the settings that always take the most probable token.
func Greedy(maxNewTokens int) Sampling {
	return Sampling{MaxNewTokens: maxNewTokens, TopP: 1, Repetition: 1}
}

// NewSeed returns a random seed, short enough to type.
func NewSeed() uint64 { return uint64(rand.Uint32()) }

// Check returns an error if a setting is out of range.
func (s Sampling) Check() error {
	_, err := s.sampler(generate.Vocabulary{})
	return err
}

// sampler returns the sampler of one answer for a tokenizer's vocabulary.
func (s Sampling) sampler(v generate.Vocabulary) (*generate.Sampler, error) {
	if len(s.Absent) > 0 {
		v.Absent = append(append([]int32(nil), v.Absent...), s.Absent...)
	}
	sampler := &generate.Sampler{
		Temperature: s.Temperature, TopK: s.TopK, TopP: s.TopP, MinP: s.MinP, RepetitionPenalty: s.Repetition,
		Penalties: generate.Penalties{Frequency: s.Frequency, Presence: s.Presence}, Bias: s.Bias, Vocab: v, Seed: s.Seed,
	}
	if err := sampler.Check(); err != nil {
		return nil, fault.Mark(err, fault.Usage)
	}
	if s.MaxNewTokens < 1 || s.MaxNewTokens > mostTokens {
		return nil, fault.Mark(fmt.Errorf("max_new_tokens is %d, want 1 … %d", s.MaxNewTokens, mostTokens), fault.Usage)
	}
	return sampler, nil
}
