//go:build mpi && linux

package mpi

import (
	"syscall"
	"unsafe"
)

// handlers holds what the kernel does with each signal, in its own words: first the address of the function.
type handlers [65][8]uintptr

// readHandlers returns those of now.
func readHandlers() (h handlers) {
	for signal := range h {
		sigaction(signal, nil, &h[signal])
	}
	return h
}

// restore gives Go the signals back that others have taken since. MPICH takes SIGUSR1 when it starts, for a function
// that does not ask for the stack of signals: one that asks the run to stop would end it then, on a thread of Go's.
func (h *handlers) restore() {
	const ignored = 1 // after the default, 0
	now := readHandlers()
	for signal := range h {
		if h[signal][0] > ignored && now[signal] != h[signal] {
			sigaction(signal, &h[signal], nil)
		}
	}
}

// sigaction is the system's call.
func sigaction(signal int, set, get *[8]uintptr) {
	const sizeOfSet = 8
	_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(set)),
		uintptr(unsafe.Pointer(get)), sizeOfSet, 0, 0)
}
