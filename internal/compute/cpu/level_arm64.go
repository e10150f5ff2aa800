//go:build arm64 && !purego

package cpu

// fast are the levels with assembly that this machine has: NEON is on all.
func fast() []level {
	l := plain()
	l.name = "neon"
	l.tileF32, l.rows = smallTilesF32, 2*smallRows
	l.rowBF16, l.rowF16, l.rowInt8, l.rowNF4 = nil, nil, nil, nil // tiles fuse, the twins do not
	return []level{l}
}

//go:noescape
func smallF32(t *tile)
