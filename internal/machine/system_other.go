//go:build !linux

package machine

// ReadSystem knows nothing about this system.
func ReadSystem() System { return System{} }

// FileSystem knows no types of file systems of this system.
func FileSystem(string) string { return "" }
