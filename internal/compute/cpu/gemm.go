package cpu

import "fettle/internal/compute"

// Gemm scales A by alpha while packing it, and C by beta before.
func (d *device) Gemm(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	if m == 0 || n == 0 {
		return
	}
	needMatrix(a, lda, m, k, transA)
	needMatrix(b, ldb, k, n, transB)
	needMatrix(c, ldc, m, n, false)
	if beta != 0 && beta != 1 {
		for i := range m {
			d.scale(c[i*ldc:][:n], beta)
		}
	}
	d.run(&product{
		rows: m, cols: n, steps: k, depth: depthF32, tile: d.tileF32, strips: d.inStrips(m) && min(n, k) >= 2*panel, c: c, ldc: ldc, add: beta != 0,
		a: func(dst []float32, i, rows, s0, steps int) {
			if transA {
				copyRows(dst, rows, a[s0*lda+i:], lda, steps, rows)
			} else {
				d.packF32(&pack{dst: dst, ldd: rows, src: a[i*lda+s0:], lds: lda, rows: rows, cols: steps})
			}
			if alpha != 1 {
				d.scale(dst[:rows*steps], alpha)
			}
		},
		b: func(scratch []float32, j, count, s0, steps int) ([]float32, int, int) {
			if !transB && (j+count)*panel <= n {
				return b[s0*ldb+j*panel:], ldb, panel
			}
			pitch := steps * panel
			for i := range count {
				at, cols, dst := (j+i)*panel, min(panel, n-(j+i)*panel), scratch[i*pitch:]
				if !transB {
					copyRows(dst, panel, b[s0*ldb+at:], ldb, steps, cols)
					continue
				}
				for c := 0; c < cols; c += 16 {
					d.packF32(&pack{dst: dst[c:], ldd: panel, src: b[(at+c)*ldb+s0:], lds: ldb, rows: min(16, cols-c), cols: steps})
				}
			}
			return scratch, panel, pitch
		},
	})
}

// GemmBySegment is a Gemm for every segment, in parallel.
func (d *device) GemmBySegment(segs []compute.Segment, m, n int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc, stride int) {
	d.each(len(segs), func(i int) {
		s := segs[i]
		d.Gemm(true, false, m, n, s.Len, alpha, a[s.Row*lda:], lda, b[s.Row*ldb:], ldb, beta, c[i*stride:], ldc)
	})
}

// copyRows copies a (rows, cols) rectangle.
func copyRows(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	for i := range rows {
		copy(dst[i*ldd:][:cols], src[i*lds:][:cols])
	}
}

// needMatrix panics unless x can hold an (m, n) matrix, or its transpose.
func needMatrix(x []float32, ld, m, n int, trans bool) {
	if trans {
		m, n = n, m
	}
	if m > 0 && n > 0 {
		compute.Need(ld, n)
		compute.Need(len(x), (m-1)*ld+n)
	}
}
