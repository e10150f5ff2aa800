package compute

import "math"

// Int8Weights holds (N, K) weights Scale[i]·Q[i·K+k], each row scaled so that its largest magnitude is 127 (row-wise
// absmax, Dettmers et al. 2022, arXiv:2208.07339).
type Int8Weights struct {
	N, K  int
	Q     []int8
	Scale []float32
}

func quantizeInt8(m *Matrix) *Int8Weights {
	w := &Int8Weights{N: m.N, K: m.K, Q: make([]int8, m.N*m.K), Scale: make([]float32, m.N)}
	m.eachRow(func(i int, row []float32) {
		top := largest(row)
		w.Scale[i] = top / 127
		inverse := 127 / top
		for k, v := range row {
			if top > 0 {
				w.Q[i*m.K+k] = int8(math.RoundToEven(float64(v * inverse)))
			}
		}
	})
	return w
}

// Row dequantizes elements k0 … k0+len(dst)-1 of row i.
func (w *Int8Weights) Row(dst []float32, i, k0 int) {
	for c, q := range w.Q[i*w.K+k0:][:len(dst)] {
		dst[c] = float32(q) * w.Scale[i]
	}
}
