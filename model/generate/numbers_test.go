package generate_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model/generate"
)

// wild decodes to logits of which one is as it says.
type wild float32

func (w wild) Decode([]int32) ([]float32, error) { return []float32{0, float32(w), 1}, nil }

func TestLogitsThatAreNoNumbersAreAnError(t *testing.T) {
	for value, want := range map[wild]string{
		wild(math.NaN()): "the logit of token 1 is NaN", wild(math.Inf(1)): "is +Inf", wild(math.Inf(-1)): "", 3e38: "",
	} {
		for size, want := range map[int]string{0: want, 1: ""} { // beyond the vocabulary they do not count
			s := sampler(generate.Sampler{Vocab: generate.Vocabulary{Size: size}})
			tokens, _ := generate.Tokens(t.Context(), value, s, []int32{0}, generate.Options{MaxNewTokens: 1})
			for _, err := range tokens {
				if want == "" {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, want)
				}
			}
		}
	}
}
