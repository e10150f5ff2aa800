package ref

import (
	"math"
	"slices"

	"fettle/internal/compute"
)

// int8Device computes as compute int8 does, plainly: products with Int8 weights have the other factor rounded row by
// row to eight bits, x·Wᵀ with weights in blocks run by run, and with NF4 too, whose levels are rounded as well; the
// rest is another device's.
type int8Device struct{ compute.Device }

// NewInt8 returns the plain device that rounds as compute int8 does, and leaves all other products to rest.
func NewInt8(rest compute.Device) compute.Device { return int8Device{rest} }

// Prepare leaves Int8 weights as they are.
func (d int8Device) Prepare(w *compute.Matrix) error {
	if w.Type == compute.Int8 {
		return nil
	}
	return d.Device.Prepare(w)
}

// MatMul: y[i,o] = scale(x[i])·Scale[o]·Σ_k q(x[i])[k]·Q[o,k].
func (d int8Device) MatMul(y, x []float32, w *compute.Matrix, n int) {
	q, ok := w.Packed.(*compute.Int8Weights)
	if !ok {
		if roundsRuns(w) {
			compute.Need(len(x), n*w.K)
			New().MatMul(y, inRuns(x[:n*w.K]), roundedLevels(w), n)
			return
		}
		d.Device.MatMul(y, x, w, n)
		return
	}
	compute.Need(len(y), n*w.N)
	compute.Need(len(x), n*w.K)
	for i := range n {
		codes, scale := toInt8(x[i*w.K:][:w.K])
		for o := range w.N {
			var sum float64
			for k, c := range codes {
				sum += c * float64(q.Q[o*w.K+k])
			}
			y[i*w.N+o] = float32(sum * float64(scale) * float64(q.Scale[o]))
		}
	}
}

// CrossEntropy has logits as MatMul computes them.
func (d int8Device) CrossEntropy(
	loss []float64, dx, x []float32, w *compute.Matrix, target []int32, scale []float32, n int,
) {
	if !roundsRuns(w) {
		d.Device.CrossEntropy(loss, dx, x, w, target, scale, n)
		return
	}
	compute.Need(len(x), n*w.K)
	back, round := w, asItIs
	if _, exact := d.Device.(device); !exact {
		back, round = weights(w), toBF16
	}
	crossEntropy(loss, dx, inRuns(x[:n*w.K]), roundedLevels(w), back, target, scale, n, round)
}

// MatMuls: one after the other.
func (d int8Device) MatMuls(x []float32, n int, products ...compute.Product) {
	matMuls(d, x, n, products)
}

// MatMulT: dx[i,k] += scale(g)·Σ_o q(g)[o]·Q[o,k] with g[o] = dy[i,o]·Scale[o].
func (d int8Device) MatMulT(dx, dy []float32, w *compute.Matrix, n int) {
	q, ok := w.Packed.(*compute.Int8Weights)
	if !ok {
		d.Device.MatMulT(dx, dy, w, n)
		return
	}
	compute.Need(len(dx), n*w.K)
	compute.Need(len(dy), n*w.N)
	for i := range n {
		g := make([]float32, w.N)
		for o := range g {
			g[o] = dy[i*w.N+o] * q.Scale[o]
		}
		codes, scale := toInt8(g)
		sums := make([]float64, w.K)
		for o, c := range codes {
			for k := range sums {
				sums[k] += c * float64(q.Q[o*w.K+k])
			}
		}
		for k := range sums {
			sums[k] *= float64(scale)
		}
		addTo(dx[i*w.K:][:w.K], sums)
	}
}

// toInt8 rounds x to whole multiples, −127 … 127, of the scale. If x is not finite, neither is the scale.
func toInt8(x []float32) (codes []float64, scale float32) {
	var top, zero float32
	for _, v := range x {
		top, zero = max(top, float32(math.Abs(float64(v)))), zero+(v-v)
	}
	codes = make([]float64, len(x))
	if top == 0 {
		return codes, 0
	}
	inverse := 127 / top
	for i, v := range x {
		if zero == 0 {
			codes[i] = math.RoundToEven(float64(v * inverse))
		}
	}
	return codes, top/127 + zero
}

// roundsRuns reports whether products x·Wᵀ round x run by run.
func roundsRuns(w *compute.Matrix) bool {
	_, blocks := w.Type.Block()
	return blocks || w.Type == compute.NF4 && w.K%32 == 0
}

// roundedLevels returns w, NF4 with its levels as products of codes take them.
func roundedLevels(w *compute.Matrix) *compute.Matrix {
	q, ok := w.Packed.(*compute.NF4Weights)
	if !ok {
		return w
	}
	c := *w
	c.Packed = q.InCodes()
	return &c
}

// inRuns rounds every 32 elements of x to whole multiples, −127 … 127, of a scale of their own.
func inRuns(x []float32) (rounded []float32) {
	for run := range slices.Chunk(x, 32) {
		codes, scale := toInt8(run)
		for _, c := range codes {
			rounded = append(rounded, float32(c)*scale)
		}
	}
	return rounded
}
