//go:build !linux

package machine

// AvailableMemory is not implemented on this system.
func AvailableMemory() (bytes int64, ok bool) { return 0, false }

// AvailableDisk is not implemented on this system.
func AvailableDisk(string) (bytes int64, ok bool) { return 0, false }
