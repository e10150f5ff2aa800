package cpu

import (
	"runtime"
	"unsafe"
)

// line is the bytes of a cache line.
const line = 64

// littleEndian is whether this machine stores numbers as model files do.
var littleEndian = func() bool { one := uint16(1); return *(*byte)(unsafe.Pointer(&one)) == 1 }()

// words views bytes as words, without copying.
func words(raw []byte) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(raw))), len(raw)/4)
}

// aligned is a slice of n floats that starts on a cache line.
func aligned(n int) []float32 {
	s := make([]float32, n+line/4)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(s)))%line) / 4
	return s[skip : skip+n : skip+n]
}

// allocate is n zero words that live as long as owner, on huge pages where
// there are enough of them and the system has some. What does not fill a huge
// page stays on small ones: a matrix takes the memory it needs.
func allocate[T any](owner *T, n int) []float32 {
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
	return words(raw[skip:])[:n:n]
}

const hugePage = 2 << 20
