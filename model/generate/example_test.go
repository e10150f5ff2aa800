package generate_test

import (
	"context"
	"fmt"

	"fettle/model/generate"
)

// successor predicts the token after the last one.
type successor struct{}

func (successor) Decode(tokens []int32) ([]float32, error) {
	logits := make([]float32, 10)
	logits[(tokens[len(tokens)-1]+1)%10] = 1
	return logits, nil
}

func ExampleTokens() {
	greedy := &generate.Sampler{TopP: 1, RepetitionPenalty: 1}
	tokens, reason := generate.Tokens(context.Background(), successor{}, greedy, []int32{1, 2, 3},
		generate.Options{MaxNewTokens: 9, EOS: []int32{7}})
	for token, err := range tokens {
		fmt.Println(token, err)
	}
	fmt.Println(*reason)
	// Output:
	// 4 <nil>
	// 5 <nil>
	// 6 <nil>
	// end of text
}
