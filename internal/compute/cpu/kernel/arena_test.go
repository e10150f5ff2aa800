package kernel

import (
	"runtime"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// owner is what pieces live as long as. It has a pointer, so that no two of them share an allocation.
type owner struct{ words []Word }

// piece takes n words for a new owner and fills them.
func piece(t *testing.T, a *Arena, n int, value Word) *owner {
	t.Helper()
	o := &owner{}
	o.words = InArena(a, o, n)
	require.Len(t, o.words, n)
	require.Zero(t, uintptr(unsafe.Pointer(unsafe.SliceData(o.words)))%line)
	for i, v := range o.words {
		if v != 0 {
			require.Failf(t, "not zero", "word %d of %d: %d", i, n, v)
		}
		o.words[i] = value
	}
	return o
}

func TestPiecesOfAnArenaAreApart(t *testing.T) {
	a := &Arena{}
	var all []*owner
	sizes := []int{1, 4095, 4096, 5000, 100_001, 165_888, hugePage/4 - 1, hugePage / 4, hugePage/4 + 7}
	for i := range 90 { // several regions
		all = append(all, piece(t, a, sizes[i%len(sizes)], Word(i+1)))
	}
	for i, o := range all {
		for _, v := range o.words {
			if v != Word(i+1) {
				require.Failf(t, "overwritten", "piece %d", i)
			}
		}
	}
	require.Equal(t, cap(all[3].words), len(all[3].words), "no append reaches the next piece")
}

func TestRegionsOfAnArenaEndWithTheirOwners(t *testing.T) {
	a := &Arena{}
	first := piece(t, a, 100_000, 1)
	r := a.region
	if r == nil {
		t.Skip("pieces are Go's own memory here")
	}
	kept := piece(t, a, 100_000, 2)
	for a.region == r {
		first = piece(t, a, 500_000, 3)
	}
	collect := func(users int32) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); r.users.Load() != users; time.Sleep(time.Millisecond) {
			require.True(t, time.Now().Before(end), "%d users, want %d", r.users.Load(), users)
			runtime.GC()
		}
	}
	collect(1)
	require.Equal(t, Word(2), kept.words[99_999])
	runtime.KeepAlive(kept)
	runtime.KeepAlive(first)
	kept = nil
	collect(0)
}

func TestAnArenaWithoutUseIsGivenBack(t *testing.T) {
	a := &Arena{}
	o := piece(t, a, 100_000, 1)
	r := a.region
	if r == nil {
		t.Skip("pieces are Go's own memory here")
	}
	runtime.KeepAlive(o)
	runtime.KeepAlive(a)
	o, a = nil, nil
	for end := time.Now().Add(20 * time.Second); r.users.Load() != 0; time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(end), "%d users", r.users.Load())
		runtime.GC()
	}
}
