package kernel

// A strip holds 16 columns of a block of steps without gaps, so that LDB is 16. Its rows lie in tiles, one after the
// other: of six rows, the last of those that are left.

// stripF32Go computes tileF32 for at most 16 columns and any number of rows.
func stripF32Go(t *Tile) {
	for r := 0; r < t.Rows; r += SmallRows {
		small := t.ofStrip(r)
		tileF32Go(&small)
	}
}

// ofStrip returns the tile that begins at row r.
func (t *Tile) ofStrip(r int) Tile {
	small := *t
	small.Rows = min(SmallRows, t.Rows-r)
	small.LDA = small.Rows
	small.A, small.C = t.A[r*t.Steps:], t.C[r*t.LDC:]
	return small
}
