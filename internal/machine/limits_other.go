//go:build !linux && !darwin && !windows

package machine

// Limits is not implemented on this system.
func Limits() []Limit { return nil }

// AvailableDisk is not implemented on this system.
func AvailableDisk(string) (bytes int64, ok bool) { return 0, false }
