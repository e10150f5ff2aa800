//go:build arm64 && !purego

package cpu

// fast are the levels with assembly that this machine has: NEON is on all.
func fast() []level {
	l := plain()
	l.name = "neon"
	l.tileF32 = func(t *tile) { smallTiles(t, smallF32NEON) }
	return []level{l}
}

//go:noescape
func smallF32NEON(t *tile)
