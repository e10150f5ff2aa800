// Package sharedmem holds memory that processes of one machine have in common. One of them fills pieces under names
// and seals them; from then on nobody can change a byte, and the others map what they need to read. Linux alone has it.
package sharedmem

import "errors"

// ErrAbsent is the error of systems without such memory.
var ErrAbsent = errors.New("this system has no memory that processes share so")

// Ticket is what another process of the same user opens the memory by.
type Ticket struct {
	Process, File int
	Token         [16]byte // that the memory begins with: by then another process may have these numbers
}

// line is the bytes of a cache line, on which every piece begins.
const line = 64

func upTo(n, unit int) int { return (n + unit - 1) / unit * unit }
