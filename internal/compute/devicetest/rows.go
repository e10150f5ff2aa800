package devicetest

import (
	"fmt"

	"fettle/internal/compute"
	"fettle/internal/rng"
)

// rowOperations: copies, sums and dropout of rows, rows that stand there twice among them.
func rowOperations() (cases []Case) {
	for _, width := range []int{1, 2, 7, 16, 33, 300, 5000} {
		src := newSource(uint64(7000 + width))
		x, y, table := src.normal(9*width), src.normal(9*width), src.normal(5*width)
		rows, pos := src.tokens(9, 5), src.tokens(9, 40)
		cases = append(cases, Case{fmt.Sprintf("rows width=%d", width), Bits, func(dev compute.Device) [][]float32 {
			copied, zero, scaled := clone(y), clone(y), clone(y)
			dev.Copy(copied[:8*width], x)
			dev.Zero(zero[width:])
			dev.Scale(scaled, -1.5)
			gathered, scattered, dropped := clone(y), clone(table), clone(x)
			dev.Gather(gathered, table, rows, width)
			dev.ScatterAdd(scattered, x, rows, width)
			dev.Dropout(dropped, width, pos, 0.3, rng.Stream(1, 2))
			return [][]float32{copied, zero, scaled, gathered, scattered, dropped}
		}})
	}
	return cases
}

// normWeights: sums over no row, one and many.
func normWeights() (cases []Case) {
	for _, d := range []int{1, 3, 16, 100, 2048} {
		for _, n := range []int{0, 1, 18} {
			src := newSource(uint64(7500 + d))
			dw, dy, x := src.normal(d), src.normal(n*d), src.normal(n*d)
			name := fmt.Sprintf("rmsnorm weight d=%d n=%d", d, n)
			cases = append(cases, Case{name, Bits, func(dev compute.Device) [][]float32 {
				dw := clone(dw)
				dev.RMSNormWeightBackward(dw, dy, x, n, 1e-5)
				return [][]float32{dw}
			}})
		}
	}
	return cases
}

// logits: losses of logits, and the gradients that take their place.
func logits() (cases []Case) {
	for _, s := range [][2]int{{0, 4}, {1, 1}, {1, 7}, {5, 33}, {18, 3000}} {
		n, v := s[0], s[1]
		src := newSource(uint64(7700 + n))
		z, target, scale := src.normal(n*v), src.tokens(n, v), src.normal(n)
		name := fmt.Sprintf("softmax cross entropy n=%d v=%d", n, v)
		cases = append(cases, Case{name, Bits, func(dev compute.Device) [][]float32 {
			loss, z := make([]float64, n), clone(z)
			dev.SoftmaxCrossEntropy(loss, z, target, scale, n)
			return [][]float32{narrow(loss), z}
		}})
	}
	return cases
}

// optimizers: three steps of AdamW, and the sum that clipping needs.
func optimizers() (cases []Case) {
	for _, n := range []int{0, 1, 100, 40000} {
		src := newSource(uint64(7900 + n))
		p, grad, m, v := src.normal(n), src.normal(n), make([]float32, n), make([]float32, n)
		cases = append(cases, Case{fmt.Sprintf("adamw n=%d", n), Bits, func(dev compute.Device) [][]float32 {
			p, m, v := clone(p), clone(m), clone(v)
			s := compute.AdamWStep{Rate: 1e-2, Factor: 0.5, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.1}
			for s.Step = 1; s.Step <= 3; s.Step++ {
				dev.AdamW(p, grad, m, v, s)
			}
			return [][]float32{p, m, v, narrow([]float64{dev.SumSquares(grad, 2)})}
		}})
	}
	return cases
}
