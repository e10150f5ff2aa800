package ref

import "fettle/internal/compute"

// bf16 computes as compute bf16 does, plainly: products of frozen weights have both factors rounded to bfloat16, and
// weights are kept so.
type bf16 struct{ device }

// NewBF16 returns the plain device that rounds as compute bf16 does.
func NewBF16() compute.Device { return bf16{} }

func (bf16) Name() string { return "ref bf16" }

// Prepare rounds the weights, but those in blocks, which are rounded in products alone.
func (bf16) Prepare(w *compute.Matrix) error {
	if _, blocks := w.Type.Block(); !blocks && w.Raw != nil {
		w.Packed = nil
		w.Packed, w.Raw = roundedWeights{*w}, nil
	}
	return nil
}

// roundedWeights rounds the weights of a matrix when they are read.
type roundedWeights struct{ compute.Matrix }

func (w roundedWeights) Row(dst []float32, i, k0 int) {
	w.Matrix.Row(dst, i, k0)
	copy(dst, rounded(dst))
}

// MatMul rounds both factors.
func (d bf16) MatMul(y, x []float32, w *compute.Matrix, n int) {
	compute.Need(len(x), n*w.K)
	d.device.MatMul(y, rounded(x[:n*w.K]), weights(w), n)
}

// MatMuls: one after the other.
func (d bf16) MatMuls(x []float32, n int, products ...compute.Product) { matMuls(d, x, n, products) }

// MatMulT rounds both factors.
func (d bf16) MatMulT(dx, dy []float32, w *compute.Matrix, n int) {
	compute.Need(len(dy), n*w.N)
	d.device.MatMulT(dx, rounded(dy[:n*w.N]), weights(w), n)
}

// CrossEntropy rounds x, the head, and the gradient of the logits.
func (d bf16) CrossEntropy(loss []float64, dx, x []float32, w *compute.Matrix, target []int32, scale []float32, n int) {
	compute.Need(len(x), n*w.K)
	crossEntropy(loss, dx, rounded(x[:n*w.K]), weights(w), weights(w), target, scale, n, toBF16)
}

func toBF16(p float64) float64 { return float64(round(float32(p))) }

// weights returns w with rounded weights.
func weights(w *compute.Matrix) *compute.Matrix {
	c := *w
	c.Packed, c.Raw = roundedWeights{*w}, nil
	return &c
}

func round(x float32) float32 { return compute.FromBF16(compute.ToBF16(x)) }

func rounded(x []float32) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = round(v)
	}
	return y
}
