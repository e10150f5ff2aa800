package machine

import "golang.org/x/sys/unix"

// Limits returns the memory that the machine has: macOS makes room by compressing, swapping and dropping caches, and
// does not say how much it would make.
func Limits() []Limit {
	bytes, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return nil
	}
	return []Limit{{Name: "memory of this machine", Left: int64(bytes)}}
}
