//go:build amd64 && !purego

package kernel

// Pause gives way to the other thread of a core, for some tens of nanoseconds.
func Pause()
