//go:build (amd64 || arm64) && !purego

package cpu

// smallTiles computes a tile by way of a kernel of at most 6 rows and exactly
// 16 columns. What is narrower passes through a copy of C.
func smallTiles(t *tile, kernel func(*tile)) {
	const rows, cols = 6, 16
	var edge [rows * cols]float32
	count := (t.rows + rows - 1) / rows
	small := *t
	for j := 0; j < t.cols; j += cols {
		wide := min(cols, t.cols-j)
		for i := range count { // blocks that differ by one row at most
			lo, hi := i*t.rows/count, (i+1)*t.rows/count
			small.rows, small.a, small.b = hi-lo, t.a, t.b
			if t.steps > 0 {
				small.a, small.b = t.a[lo:], t.b[j:]
			}
			c := t.c[lo*t.ldc+j:]
			if wide == cols {
				small.c, small.ldc = c, t.ldc
				kernel(&small)
				continue
			}
			small.c, small.ldc = edge[:], cols
			copyRows(edge[:], cols, c, t.ldc, hi-lo, wide)
			kernel(&small)
			copyRows(c, t.ldc, edge[:], cols, hi-lo, wide)
		}
	}
}
