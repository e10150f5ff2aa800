//go:build cgo

package machine

// threadStack is the address space that a thread of C's library reserves, as ulimit -s usually has it.
const threadStack = 8 << 20
