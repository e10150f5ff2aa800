//go:build !amd64 || purego

package kernel

// Lacks lists the levels with assembly that this machine does not have: none of this kind of processor.
func Lacks() []Lack { return nil }
