//go:build (amd64 || arm64) && !purego

package cpu

// smallTilesF32 computes a tile by way of smallF32: at most 6 rows at a time and
// exactly 16 columns. What is narrower passes through a copy of C.
func smallTilesF32(t *tile) {
	count := (t.rows + smallRows - 1) / smallRows
	small := *t
	for j := 0; j < t.cols; j += smallCols {
		wide := min(smallCols, t.cols-j)
		for i := range count { // blocks that differ by one row at most
			lo, hi := i*t.rows/count, (i+1)*t.rows/count
			small.rows, small.a, small.b = hi-lo, t.a, t.b
			if t.steps > 0 {
				small.a, small.b = t.a[lo:], t.b[j:]
			}
			small.c, small.ldc = t.c[lo*t.ldc+j:], t.ldc
			if wide == smallCols {
				smallF32(&small)
			} else {
				small.edge(wide)
			}
			small.next = nil // once is enough
		}
	}
}

// edge is smallF32 for cols columns, fewer than it computes.
func (t *tile) edge(cols int) {
	var copied [smallRows * smallCols]float32
	c, ldc := t.c, t.ldc
	copyRows(copied[:], smallCols, c, ldc, t.rows, cols)
	t.c, t.ldc = copied[:], smallCols
	smallF32(t)
	copyRows(c, ldc, copied[:], smallCols, t.rows, cols)
}
