//go:build unix

package data

import (
	"os"
	"syscall"
	"unsafe"
)

// mapped returns n values in an unnamed file, nil if there is no room for it. The
// file is written first, so that a full disk shows here and not later.
func mapped(dir string, n int) []int32 {
	f, err := os.CreateTemp(dir, "fettle-data-*")
	if err != nil {
		return nil
	}
	defer f.Close()
	defer os.Remove(f.Name())
	zeros := make([]byte, 1<<20)
	for at := 0; at < 4*n; at += len(zeros) {
		if _, err := f.Write(zeros); err != nil {
			return nil
		}
	}
	raw, err := syscall.Mmap(int(f.Fd()), 0, 4*n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil
	}
	return unsafe.Slice((*int32)(unsafe.Pointer(&raw[0])), n)
}
