//go:build !linux

package cpu

import "time"

var started = time.Now()

// processorTime returns the time that passed, as there is no clock for processor time.
func processorTime() time.Duration { return time.Since(started) }
