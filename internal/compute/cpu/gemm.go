package cpu

import "fettle/internal/compute"

// Gemm scales C by beta first and A by alpha while packing it, so that every
// element is one chain that starts at beta·C.
func (d *device) Gemm(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	if m == 0 || n == 0 {
		return
	}
	needMatrix(a, lda, m, k, transA)
	needMatrix(b, ldb, k, n, transB)
	needMatrix(c, ldc, m, n, false)
	for i := range m {
		row := c[i*ldc:][:n]
		if beta == 0 {
			clear(row)
		} else if beta != 1 {
			for j := range row {
				row[j] *= beta
			}
		}
	}
	d.run(product{
		m: m, n: n, k: k, c: c, ldc: ldc,
		packA: func(dst []float32, i, rows int) {
			if transA {
				packCols(dst, rows, a[i:], lda, k, rows)
			} else {
				packRows(dst, a, lda, i, rows, k)
			}
			if alpha != 1 {
				for p := range dst {
					dst[p] *= alpha
				}
			}
		},
		packB: func(dst []float32, j, p0, depth int) {
			cols := min(panel, n-j)
			if cols < panel {
				clear(dst[:depth*panel])
			}
			if !transB {
				packCols(dst, panel, b[p0*ldb+j:], ldb, depth, cols)
				return
			}
			for col := range cols {
				for p, v := range b[(j+col)*ldb+p0:][:depth] {
					dst[p*panel+col] = v
				}
			}
		},
	})
}

// packCols copies a (depth, cols) rectangle into rows of the given width.
func packCols(dst []float32, width int, src []float32, ld, depth, cols int) {
	copyRows(dst, width, src, ld, depth, cols)
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
