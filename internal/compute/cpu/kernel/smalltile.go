//go:build (amd64 || arm64) && !purego

package kernel

// smallTilesF32 computes a tile by smallF32, at most 6 rows at a time and exactly 16 columns. Fewer columns pass
// through a copy of c. Columns that more rows pass over, with nothing to ask for, are taken to be near.
func smallTilesF32(t *Tile) {
	near := t.Rows > SmallRows && len(t.Next) == 0
	count := (t.Rows + SmallRows - 1) / SmallRows
	small := *t
	for j := 0; j < t.Cols; j += SmallCols {
		wide := min(SmallCols, t.Cols-j)
		for i := range count { // blocks that differ by one row at most
			lo, hi := i*t.Rows/count, (i+1)*t.Rows/count
			small.Rows, small.A, small.B = hi-lo, t.A, t.B
			if t.Steps > 0 {
				small.A, small.B = t.A[lo:], t.B[j:]
			}
			small.C, small.LDC = t.C[lo*t.LDC+j:], t.LDC
			switch {
			case wide < SmallCols:
				small.edge(wide)
			case near:
				nearF32(&small)
			default:
				smallF32(&small)
			}
			small.Next = nil // once is enough
		}
	}
}

// edge computes smallF32 for cols columns, fewer than it stores.
func (t *Tile) edge(cols int) {
	var copied [SmallRows * SmallCols]Word
	c, ldc := t.C, t.LDC
	for i := range t.Rows {
		copy(copied[i*SmallCols:][:cols], c[i*ldc:])
	}
	t.C, t.LDC = copied[:], SmallCols
	smallF32(t)
	for i := range t.Rows {
		copy(c[i*ldc:][:cols], copied[i*SmallCols:])
	}
}
