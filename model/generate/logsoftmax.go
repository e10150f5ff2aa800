package generate

import "math"

// LogSoftmax returns the natural logarithms of the tokens' probabilities,
//
//	z[i] - log Σ exp z[j]
func LogSoftmax(logits []float32) []float64 {
	z, top, sum := make([]float64, len(logits)), math.Inf(-1), 0.0
	for i, v := range logits {
		z[i] = float64(v)
		top = max(top, z[i])
	}
	for _, v := range z {
		sum += math.Exp(v - top)
	}
	norm := top + math.Log(sum)
	for i := range z {
		z[i] -= norm
	}
	return z
}

// Largest returns the indices of the n largest numbers in order, equal ones by index.
func Largest(z []float64, n int) []int32 {
	if n <= 0 || len(z) == 0 {
		return nil
	}
	all := make([]candidate, len(z))
	for i, v := range z {
		all[i] = candidate{int32(i), v}
	}
	var at []int32
	for _, c := range heaviest(all, func(taken int, _ float64) bool { return taken == n }) {
		at = append(at, c.token)
	}
	return at
}
