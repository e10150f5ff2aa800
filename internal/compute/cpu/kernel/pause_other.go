//go:build !amd64 || purego

package kernel

// Pause does nothing here.
func Pause() {}
