//go:build !cgo

package machine

// threadStack is the address space that a thread of Go's runtime reserves beside the heap.
const threadStack = 64 << 10
