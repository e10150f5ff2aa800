//go:build !amd64 || purego

package cpu

// fast are the levels with assembly: none here.
func fast() []level { return nil }
