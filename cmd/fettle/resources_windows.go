package main

import (
	"time"

	"golang.org/x/sys/windows"
)

// processorTime is what all threads of this process have used.
func processorTime() time.Duration {
	var created, ended, kernel, user windows.Filetime
	if windows.GetProcessTimes(windows.CurrentProcess(), &created, &ended, &kernel, &user) != nil {
		return 0
	}
	ticks := func(t windows.Filetime) time.Duration {
		return time.Duration(uint64(t.HighDateTime)<<32|uint64(t.LowDateTime)) * 100
	}
	return ticks(kernel) + ticks(user)
}

// peakMemory is not asked for on this system.
func peakMemory() int64 { return 0 }
