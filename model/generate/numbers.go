package generate

import (
	"fmt"
	"math"
)

// CheckLogits returns an error for logits that are no numbers or +∞, which give no probabilities.
func CheckLogits(logits []float32) error {
	for id, v := range logits {
		if v != v || v > math.MaxFloat32 {
			return fmt.Errorf("the logit of token %d is %v: the weights of the model or of its adapter are damaged, or too "+
				"large for the type that it computes in", id, v)
		}
	}
	return nil
}
