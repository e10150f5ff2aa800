package cpu

import "fettle/internal/compute"

// MatMul: the columns of a panel are 32 rows of w.
func (d *device) MatMul(y, x []float32, w *compute.Matrix, n int) {
	compute.Need(len(y), n*w.N)
	compute.Need(len(x), n*w.K)
	clear(y[:n*w.N])
	d.run(product{
		m: n, n: w.N, k: w.K, c: y, ldc: w.N,
		packA: func(a []float32, i, rows int) { packRows(a, x, w.K, i, rows, w.K) },
		packB: func(b []float32, j, p0, depth int) { packWeightRows(b, w, j, p0, depth) },
	})
}

// MatMulT: the columns of a panel are 32 columns of w.
func (d *device) MatMulT(dx, dy []float32, w *compute.Matrix, n int) {
	compute.Need(len(dx), n*w.K)
	compute.Need(len(dy), n*w.N)
	d.run(product{
		m: n, n: w.K, k: w.N, c: dx, ldc: w.K,
		packA: func(a []float32, i, rows int) { packRows(a, dy, w.N, i, rows, w.N) },
		packB: func(b []float32, j, p0, depth int) {
			for p := range depth {
				widenPadded(b[p*panel:][:panel], w, p0+p, j)
			}
		},
	})
}

// packWeightRows writes b[p·32+c] = w[j+c, p0+p].
func packWeightRows(b []float32, w *compute.Matrix, j, p0, depth int) {
	var row [128]float32
	for c := range panel {
		for p := 0; p < depth; p += len(row) {
			part := row[:min(len(row), depth-p)]
			if j+c < w.N {
				w.Row(part, j+c, p0+p)
			} else {
				clear(part)
			}
			for q, v := range part {
				b[(p+q)*panel+c] = v
			}
		}
	}
}

// widenPadded writes dst[c] = w[i, k0+c], zero beyond the row's end.
func widenPadded(dst []float32, w *compute.Matrix, i, k0 int) {
	have := min(len(dst), w.K-k0)
	w.Row(dst[:have], i, k0)
	clear(dst[have:])
}

// Embed copies rows.
func (d *device) Embed(y []float32, w *compute.Matrix, tokens []int32) {
	compute.Need(len(y), len(tokens)*w.K)
	d.chunks(len(tokens), rowsPerItem(w.K), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			w.Row(y[i*w.K:][:w.K], int(tokens[i]), 0)
		}
	})
}
