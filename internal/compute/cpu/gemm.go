package cpu

import (
	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
)

// Gemm scales A by alpha while packing it, and C by beta before.
func (d *device) Gemm(
	transA, transB bool, m, n, k int,
	alpha float32, a []float32, lda int, b []float32, ldb int,
	beta float32, c []float32, ldc int,
) {
	if m == 0 || n == 0 {
		return
	}
	needMatrix(a, lda, m, k, transA)
	needMatrix(b, ldb, k, n, transB)
	needMatrix(c, ldc, m, n, false)
	if beta != 0 && beta != 1 {
		for i := range m {
			d.core.Scale(c[i*ldc:][:n], beta)
		}
	}
	d.run(&product{
		rows: m, cols: n, steps: k, depth: depthF32, c: c, ldc: ldc, add: beta != 0,
		tile: d.core.TileF32, strips: d.inStrips(m) && min(n, k) >= 2*panel,
		a: func(dst []kernel.Word, i, rows, s0, steps int) {
			if transA {
				copyRows(dst, rows, a[s0*lda+i:], lda, steps, rows)
			} else {
				src := kernel.Words(a[i*lda+s0:])
				d.pack(d.core.PackF32, kernel.Pack{Dst: dst, LDD: rows, Src: src, LDS: lda, Rows: rows, Cols: steps})
			}
			if alpha != 1 {
				d.core.Scale(kernel.Floats(dst[:rows*steps]), alpha)
			}
		},
		b: func(scratch []kernel.Word, j, count, s0, steps int) ([]kernel.Word, int, int) {
			if !transB && (j+count)*panel <= n {
				return kernel.Words(b[s0*ldb+j*panel:]), ldb, panel
			}
			pitch := steps * panel
			for i := range count {
				at, cols, dst := (j+i)*panel, min(panel, n-(j+i)*panel), scratch[i*pitch:]
				if cols < panel { // what was there before may be denormal, and slow
					clear(dst[:pitch])
				}
				if !transB {
					copyRows(dst, panel, b[s0*ldb+at:], ldb, steps, cols)
					continue
				}
				for c := 0; c < cols; c += 16 {
					src := kernel.Words(b[(at+c)*ldb+s0:])
					d.pack(d.core.PackF32, kernel.Pack{
						Dst: dst[c:], LDD: panel, Src: src, LDS: ldb, Rows: min(16, cols-c), Cols: steps,
					})
				}
			}
			return scratch, panel, pitch
		},
	})
}

// GemmBySegment computes one Gemm for every segment, in parallel.
func (d *device) GemmBySegment(
	segs []compute.Segment, m, n int,
	alpha float32, a []float32, lda int, b []float32, ldb int,
	beta float32, c []float32, ldc, stride int,
) {
	d.each(len(segs), func(i int) {
		s := segs[i]
		d.Gemm(true, false, m, n, s.Len, alpha, a[s.Row*lda:], lda, b[s.Row*ldb:], ldb, beta, c[i*stride:], ldc)
	})
}

// copyRows copies a (rows, cols) rectangle.
func copyRows(dst []kernel.Word, ldd int, src []float32, lds, rows, cols int) {
	for i := range rows {
		copy(kernel.Floats(dst[i*ldd:][:cols]), src[i*lds:])
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
