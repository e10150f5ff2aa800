package devicetest

import (
	"errors"
	"fmt"
	"math"

	"fettle/internal/compute"
)

// Gradients compares every backward operation of dev with central differences of its forward operation, along random
// directions and along the gradient.
func Gradients(dev compute.Device) error {
	src := newSource(20)
	d := differences{source: src}
	w := src.matrix(9, 14, compute.F32)
	d.check("MatMulT", [][]float32{src.normal(3 * 14)}, 3*9,
		func(y []float32, in [][]float32) { dev.MatMul(y, in[0], w, 3) },
		func(g [][]float32, dy []float32, in [][]float32) { dev.MatMulT(g[0], dy, w, 3) })
	scales := src.normal(13)
	d.check("RMSNorm", [][]float32{src.normal(3 * 13)}, 3*13,
		func(y []float32, in [][]float32) { dev.RMSNorm(y, in[0], scales, 3, 1e-5) },
		func(g [][]float32, dy []float32, in [][]float32) {
			dev.RMSNormBackward(g[0], dy, in[0], scales, 3, 1e-5)
		})
	x := src.normal(3 * 13)
	d.check("RMSNorm's weight", [][]float32{src.normal(13)}, 3*13,
		func(y []float32, in [][]float32) { dev.RMSNorm(y, x, in[0], 3, 1e-5) },
		func(g [][]float32, dy []float32, _ [][]float32) { dev.RMSNormWeightBackward(g[0], dy, x, 3, 1e-5) })
	d.check("SwiGLU", [][]float32{src.normal(40), src.normal(40)}, 40,
		func(y []float32, in [][]float32) { dev.SwiGLU(y, in[0], in[1]) },
		func(g [][]float32, dy []float32, in [][]float32) { dev.SwiGLUBackward(g[0], g[1], dy, in[0], in[1]) })
	d.check("GeGLU", [][]float32{src.normal(40), src.normal(40)}, 40,
		func(y []float32, in [][]float32) { dev.GeGLU(y, in[0], in[1]) },
		func(g [][]float32, dy []float32, in [][]float32) { dev.GeGLUBackward(g[0], g[1], dy, in[0], in[1]) })
	d.check("SoftCap", [][]float32{src.normal(40)}, 40,
		func(y []float32, in [][]float32) { copy(y, in[0]); dev.SoftCap(y, 1.5) },
		func(g [][]float32, dy []float32, in [][]float32) {
			y := clone(in[0])
			dev.SoftCap(y, 1.5)
			copy(g[0], dy)
			dev.SoftCapBackward(g[0], y, 1.5)
		})
	d.check("Softmax", [][]float32{src.normal(3 * 11)}, 3*11,
		func(y []float32, in [][]float32) { copy(y, in[0]); dev.Softmax(y, 11) },
		func(g [][]float32, dy []float32, in [][]float32) {
			p := clone(in[0])
			dev.Softmax(p, 11)
			dev.SoftmaxBackward(g[0], dy, p, 11)
		})
	cos, sin, pos := src.normal(12), src.normal(12), []int32{2, 0, 1}
	d.check("Rope", [][]float32{src.normal(3 * 2 * 8)}, 3*2*8,
		func(y []float32, in [][]float32) { copy(y, in[0]); dev.Rope(y, 3, 2, 8, 6, pos, cos, sin, false) },
		func(g [][]float32, dy []float32, in [][]float32) {
			copy(g[0], dy)
			dev.Rope(g[0], 3, 2, 8, 6, pos, cos, sin, true)
		})
	head, target := src.matrix(21, 6, compute.F32), []int32{3, 20, 0}
	d.check("CrossEntropy", [][]float32{src.normal(3 * 6)}, 3,
		func(y []float32, in [][]float32) {
			loss := make([]float64, 3)
			dev.CrossEntropy(loss, nil, in[0], head, target, nil, 3)
			copy(y, narrow(loss))
		},
		func(g [][]float32, dy []float32, in [][]float32) {
			dev.CrossEntropy(make([]float64, 3), g[0], in[0], head, target, dy, 3)
		})
	losses := func(z, scale []float32) []float64 {
		loss := make([]float64, 3)
		dev.SoftmaxCrossEntropy(loss, z, target, scale, 3)
		return loss
	}
	d.check("SoftmaxCrossEntropy", [][]float32{src.normal(3 * 21)}, 3,
		func(y []float32, in [][]float32) { copy(y, narrow(losses(clone(in[0]), y))) },
		func(g [][]float32, dy []float32, in [][]float32) {
			copy(g[0], in[0])
			losses(g[0], dy)
		})
	for i, set := range segmentSets {
		if set.why == "longer than a block" || set.why == "long decoding" {
			continue // differences are below the rounding of float32 there
		}
		a := compute.Attention{Heads: 4, KVHeads: 2, HeadDim: 6, Scale: 0.4}
		if i%2 == 1 {
			a.Window, a.Cap = 5, 1.5
		}
		rows, keyRows := set.rows()
		in := [][]float32{src.normal(rows * 24), src.normal(keyRows * 12), src.normal(keyRows * 12)}
		d.check("Attend "+set.why, in, rows*24,
			func(y []float32, in [][]float32) { dev.Attend(y, in[0], in[1], in[2], set.segs, a) },
			func(g [][]float32, dy []float32, in [][]float32) {
				out := make([]float32, len(dy))
				dev.Attend(out, in[0], in[1], in[2], set.segs, a)
				dev.AttendBackward(g[0], g[1], g[2], dy, out, in[0], in[1], in[2], set.segs, a)
			})
	}
	return errors.Join(d.wrong...)
}

// differences collects gradients that differ from central differences.
type differences struct {
	source
	wrong []error
}

// check compares ⟨gradient, direction⟩ with the central difference of
// Σ c·f(in), in float64, for a random c.
func (d *differences) check(
	what string, in [][]float32, outputs int,
	forward func(y []float32, in [][]float32), backward func(g [][]float32, dy []float32, in [][]float32),
) {
	c := d.normal(outputs)
	grads := make([][]float32, len(in))
	for i := range in {
		grads[i] = make([]float32, len(in[i]))
	}
	backward(grads, c, in)
	value := func(step float64, dir [][]float32) (sum float64) {
		moved := make([][]float32, len(in))
		for i := range in {
			moved[i] = clone(in[i])
			for j := range moved[i] {
				moved[i][j] += float32(step * float64(dir[i][j]))
			}
		}
		y := make([]float32, outputs)
		forward(y, moved)
		for i := range y {
			sum += float64(c[i]) * float64(y[i])
		}
		return sum
	}
	var norm float64
	for i := range grads {
		norm += inner(grads[i], grads[i])
	}
	for trial := range 3 {
		dir := make([][]float32, len(in))
		for i := range in {
			if dir[i] = d.normal(len(in[i])); trial == 0 {
				dir[i] = grads[i]
			}
		}
		var want, length float64
		for i := range dir {
			want += inner(dir[i], grads[i])
			length += inner(dir[i], dir[i])
		}
		step := 4e-2 / max(1e-6, math.Sqrt(length))
		// Richardson: cancels the error of order step².
		slope := func(h float64) float64 { return (value(h, dir) - value(-h, dir)) / (2 * h) }
		got := (4*slope(step/2) - slope(step)) / 3
		if limit := 1e-3*math.Sqrt(norm*length) + 1e-9; !(math.Abs(got-want) <= limit) {
			d.wrong = append(d.wrong, fmt.Errorf("gradient of %s, trial %d: %g, differences say %g ± %g", what, trial, want,
				got, limit))
		}
	}
}

func inner(a, b []float32) (s float64) {
	for i := range a {
		s += float64(a[i]) * float64(b[i])
	}
	return s
}
