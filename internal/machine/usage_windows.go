package machine

import (
	"time"

	"golang.org/x/sys/windows"
)

// CPUTime returns the processor time that all threads of this process have used.
func CPUTime() time.Duration {
	var created, ended, kernel, user windows.Filetime
	if windows.GetProcessTimes(windows.CurrentProcess(), &created, &ended, &kernel, &user) != nil {
		return 0
	}
	ticks := func(t windows.Filetime) time.Duration {
		return time.Duration(uint64(t.HighDateTime)<<32|uint64(t.LowDateTime)) * 100
	}
	return ticks(kernel) + ticks(user)
}

// PeakMemory is not implemented on this system.
func PeakMemory() int64 { return 0 }
