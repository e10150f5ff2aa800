package cpu

import (
	"time"

	"golang.org/x/sys/unix"
)

// processorTime returns the time that the calling thread has used.
func processorTime() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
