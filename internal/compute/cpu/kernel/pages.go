package kernel

import (
	"runtime"
	"unsafe"
)

const (
	line     = 64 // bytes of a cache line
	hugePage = 2 << 20
)

// aligned returns n zero words that start on a cache line.
func aligned(n int) []Word {
	s := make([]Word, n+line/4)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(s)))%line) / 4
	return s[skip : skip+n : skip+n]
}

// Allocate returns n zero words that live as long as owner and start on a cache line. They lie on huge pages where
// there are enough of them and the system has some; the rest, less than a huge page, stays on small ones, so that a
// matrix takes the memory it needs.
func Allocate[T any](owner *T, n int) []Word {
	if n*4 < hugePage {
		return aligned(n)
	}
	raw, err := mapPages(n*4 + hugePage)
	if err != nil {
		return aligned(n)
	}
	runtime.AddCleanup(owner, unmapPages, raw)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(raw))) % hugePage)
	adviseHuge(raw[skip:][:n*4/hugePage*hugePage])
	return BytesAsWords(raw[skip:])[:n:n]
}
