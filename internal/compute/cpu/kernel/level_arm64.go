//go:build arm64 && !purego

package kernel

// fast returns the levels with assembly that this machine has: all have NEON.
func fast() []Level {
	l := Plain()
	l.Name = "neon"
	l.TileF32, l.Rows = smallTilesF32, 2*SmallRows
	l.RowBF16, l.RowF16, l.RowInt8, l.RowNF4 = nil, nil, nil, nil // tiles fuse, the twins do not
	return []Level{l}
}

//go:noescape
func smallF32(t *Tile)

// nearF32 is smallF32, which asks for nothing.
func nearF32(t *Tile) { smallF32(t) }
