package ref

import "fettle/internal/compute"

// MatMul: y[i,o] = Σ_k x[i,k]·w[o,k].
func (device) MatMul(y, x []float32, w *compute.Matrix, n int) {
	compute.Need(len(y), n*w.N)
	compute.Need(len(x), n*w.K)
	row := make([]float32, w.K)
	for o := range w.N {
		w.Row(row, o, 0)
		for i := range n {
			y[i*w.N+o] = float32(dot(x[i*w.K:][:w.K], row))
		}
	}
}

// MatMuls: one after the other.
func (d device) MatMuls(x []float32, n int, products ...compute.Product) { matMuls(d, x, n, products) }

// matMuls computes products by d's own MatMul.
func matMuls(d compute.Device, x []float32, n int, products []compute.Product) {
	for _, p := range products {
		d.MatMul(p.Y, x, p.W, n)
	}
}

// MatMulT: dx[i,k] += Σ_o dy[i,o]·w[o,k].
func (device) MatMulT(dx, dy []float32, w *compute.Matrix, n int) {
	compute.Need(len(dx), n*w.K)
	compute.Need(len(dy), n*w.N)
	sum := make([]float64, n*w.K)
	row := make([]float32, w.K)
	for o := range w.N {
		w.Row(row, o, 0)
		for i := range n {
			axpy(sum[i*w.K:][:w.K], float64(dy[i*w.N+o]), row)
		}
	}
	addTo(dx, sum)
}

// Gemm: c[i,j] = alpha·Σ_p op(a)[i,p]·op(b)[p,j] + beta·c[i,j].
func (device) Gemm(
	transA, transB bool, m, n, k int,
	alpha float32, a []float32, lda int, b []float32, ldb int,
	beta float32, c []float32, ldc int,
) {
	at := func(x []float32, ld int, trans bool, i, j int) float64 {
		if trans {
			i, j = j, i
		}
		return float64(x[i*ld+j])
	}
	for i := range m {
		for j := range n {
			var s float64
			for p := range k {
				s += at(a, lda, transA, i, p) * at(b, ldb, transB, p, j)
			}
			s *= float64(alpha)
			if beta != 0 {
				s += float64(beta) * float64(c[i*ldc+j])
			}
			c[i*ldc+j] = float32(s)
		}
	}
}

// Embed: y[i] = w[tokens[i]].
func (device) Embed(y []float32, w *compute.Matrix, tokens []int32) {
	compute.Need(len(y), len(tokens)*w.K)
	for i, t := range tokens {
		w.Row(y[i*w.K:][:w.K], int(t), 0)
	}
}

// Sum: y = a + b.
func (device) Sum(y, a, b []float32) {
	compute.Need(len(a), len(y))
	compute.Need(len(b), len(y))
	for i := range y {
		y[i] = a[i] + b[i]
	}
}

// Add: y += x.
func (device) Add(y, x []float32) {
	compute.Need(len(x), len(y))
	for i := range y {
		y[i] += x[i]
	}
}

func dot(a, b []float32) float64 {
	var s float64
	for i := range a {
		s += float64(a[i]) * float64(b[i])
	}
	return s
}

// axpy: y += a·x.
func axpy(y []float64, a float64, x []float32) {
	for i := range y {
		y[i] += a * float64(x[i])
	}
}

// addTo: y += x, rounding once.
func addTo(y []float32, x []float64) {
	for i := range x {
		y[i] = float32(float64(y[i]) + x[i])
	}
}

// GemmBySegment computes one Gemm for every segment.
func (d device) GemmBySegment(
	segs []compute.Segment, m, n int,
	alpha float32, a []float32, lda int, b []float32, ldb int,
	beta float32, c []float32, ldc, stride int,
) {
	for i, s := range segs {
		d.Gemm(true, false, m, n, s.Len, alpha, a[s.Row*lda:], lda, b[s.Row*ldb:], ldb, beta, c[i*stride:], ldc)
	}
}
