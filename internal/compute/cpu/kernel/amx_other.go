//go:build !linux && amd64 && !purego

package kernel

// permitTiles reports whether the process may use tile registers: other systems have not been tried.
func permitTiles() bool { return false }
