//go:build (!amd64 && !arm64) || purego

package cpu

// fast are the levels with assembly: none here.
func fast() []level { return nil }
