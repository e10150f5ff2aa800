//go:build arm64 && !purego

package cpu

// fast are the levels with assembly that this machine has: NEON is on all.
func fast() []level {
	l := plain()
	l.name = "neon"
	l.tileF32, l.rows = smallTilesF32, 2*smallRows
	return []level{l}
}

//go:noescape
func smallF32(t *tile)
