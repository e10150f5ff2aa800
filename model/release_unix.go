//go:build unix

package model

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// release returns a function that gives the whole pages of a mapped tensor back to the system, which reads them from
// the file again on the next access.
func release(data []byte) func() {
	return func() {
		page := uintptr(os.Getpagesize())
		start := uintptr(unsafe.Pointer(unsafe.SliceData(data)))
		lo := int((page - start%page) % page)
		if hi := len(data) - int((start+uintptr(len(data)))%page); lo < hi {
			_ = unix.Madvise(data[lo:hi], unix.MADV_DONTNEED) // only advice: without it, the pages stay in memory
		}
	}
}
