//go:build !linux

package cpu

import "time"

var started = time.Now()

// processorTime returns the time that passed, for want of a finer clock.
func processorTime() time.Duration { return time.Since(started) }
