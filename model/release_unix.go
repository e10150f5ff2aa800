//go:build unix

package model

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// release gives the whole pages of a mapped tensor back to the system, which
// reads them from the file again should anybody ask.
func release(data []byte) func() {
	return func() {
		page := uintptr(os.Getpagesize())
		start := uintptr(unsafe.Pointer(unsafe.SliceData(data)))
		lo := int((page - start%page) % page)
		if hi := len(data) - int((start+uintptr(len(data)))%page); lo < hi {
			_ = unix.Madvise(data[lo:hi], unix.MADV_DONTNEED) // advice: without it, memory is merely fuller
		}
	}
}
