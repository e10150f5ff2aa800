package kernel

import (
	"runtime"
	"sync"
	"sync/atomic"
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

// Arena hands out memory that is no garbage collector's, on huge pages where the system has some: such as fills some
// has its own, the rest shares a region with others.
type Arena struct {
	mu     sync.Mutex
	region *region // of the last small piece
	rest   []byte  // of it
	leave  func()  // ends the arena's own use of it
}

// region is memory in use by the arena, while it is its last one, and by the owners of pieces.
type region struct {
	raw   []byte
	users atomic.Int32
}

const (
	regionSize = 32 << 20
	pieceSize  = 16 << 10 // smaller ones are Go's memory
)

func (r *region) release() {
	if r.users.Add(-1) == 0 {
		unmapPages(r.raw)
	}
}

// InArena returns n zero words that live as long as owner and start on a cache line.
func InArena[T any](a *Arena, owner *T, n int) []Word {
	size := (4*n + line - 1) / line * line
	if size < pieceSize || size >= hugePage {
		return Allocate(owner, n)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.rest) < size && !a.next() {
		return aligned(n)
	}
	piece := a.rest[:4*n]
	a.rest = a.rest[size:]
	a.region.users.Add(1)
	runtime.AddCleanup(owner, func(r *region) { r.release() }, a.region)
	return BytesAsWords(piece)[:n:n]
}

// InRegions returns how many bytes a piece takes of an arena on average: a region ends with a huge page that is about a
// quarter empty, as the next piece does not fit.
func InRegions(bytes int64) int64 {
	if bytes < pieceSize || bytes >= hugePage {
		return bytes
	}
	return bytes + bytes*(hugePage/4)/regionSize
}

// next takes another region from the system.
func (a *Arena) next() bool {
	raw, err := mapPages(regionSize + hugePage)
	if err != nil {
		return false
	}
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(raw))) % hugePage)
	r := &region{raw: raw}
	r.users.Add(1)
	leave := sync.OnceFunc(r.release)
	if a.leave != nil {
		a.leave()
	}
	a.region, a.rest, a.leave = r, raw[skip:][:regionSize], leave
	adviseHuge(a.rest)
	runtime.AddCleanup(a, func(leave func()) { leave() }, leave)
	return true
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

// Resident returns how many bytes of n words that Allocate returns are in memory when the first used of them have been
// written: whole huge pages where it asks for them.
func Resident(n, used int) int64 {
	if 4*n < hugePage {
		return 4 * int64(used)
	}
	return min(4*int64(n), int64(4*used+hugePage-1)/hugePage*hugePage)
}
