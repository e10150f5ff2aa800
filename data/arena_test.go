package data

import (
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// An arena returns exact copies, on the heap, in files, and without files; the
// heap does not grow with it.
func TestArenaReturnsExactCopies(t *testing.T) {
	for _, dir := range []string{t.TempDir(), "/nowhere at all"} {
		a := &arena{dir: dir}
		var kept []Example
		number := func(i, k int) int32 { return int32(i*31 + k) }
		const rows, length = 4000, 4001
		heap := heapBytes()
		for i := range rows {
			e := Example{Tokens: make([]int32, length, 2*length), Labels: make([]int32, length), Source: "a"}
			for k := range e.Tokens {
				e.Tokens[k], e.Labels[k] = number(i, k), -number(i, k)
			}
			kept = append(kept, a.keep(e))
			clear(e.Tokens)
		}
		grown := heapBytes() - heap
		if dir[0] == '/' && runtime.GOOS == "linux" && dir != "/nowhere at all" {
			require.Less(t, grown, int64(5*heapValues), "%d MiB are kept", 8*rows*length>>20)
		}
		for i, e := range kept {
			require.Equal(t, []int{length, length, length}, []int{cap(e.Tokens), len(e.Tokens), len(e.Labels)})
			for _, k := range []int{0, i, length - 1} {
				require.Equal(t, []int32{number(i, k), -number(i, k)}, []int32{e.Tokens[k], e.Labels[k]})
			}
		}
		require.True(t, slices.IsSortedFunc(kept, func(x, y Example) int { return int(x.Tokens[0] - y.Tokens[0]) }))
	}
}

// heapBytes returns the live bytes of the heap.
func heapBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
