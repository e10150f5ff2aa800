package cpu

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
	"fettle/internal/compute/devicetest"
)

// TestTogetherHasTheBitsOfEach takes products of one input with matrices of several sizes, of one type and of several.
func TestTogetherHasTheBitsOfEach(t *testing.T) {
	mixed := []compute.DType{compute.BF16, compute.Int8, compute.F32}
	for _, l := range kernel.Levels() {
		for _, mode := range []string{"f32", "bf16", "int8"} {
			for _, kinds := range [][]compute.DType{{compute.F32}, {compute.BF16}, {compute.Int8}, {compute.NF4}, mixed} {
				for _, threads := range []int{1, 2, 3} {
					dev, err := New(Options{Compute: mode, Level: l.Name, Threads: threads, Stored: true})
					require.NoError(t, err)
					const k, rows = 704, 103 // two blocks, several tiles
					x := devicetest.Normal(4, rows*k)
					var together []compute.Product
					var alone [][]float32
					for i, n := range []int{130, 33, 1, 64} {
						w := devicetest.Drawn(uint64(i), n, k, kinds[i%len(kinds)])
						require.NoError(t, dev.Prepare(w))
						y := make([]float32, rows*n)
						dev.MatMul(y, x, w, rows)
						alone = append(alone, y)
						together = append(together, compute.Product{Y: make([]float32, rows*n), W: w})
					}
					dev.MatMuls(x, rows, together...)
					for i, p := range together {
						require.Equal(t, alone[i], p.Y, "%s %s %v %d threads, product %d", l.Name, mode, kinds, threads, i)
					}
				}
			}
		}
	}
}

func TestEveryWordIsAskedForOnce(t *testing.T) {
	for _, each := range []int{1, 32, 100, 4096} {
		for _, count := range []int{1, 2, 5} {
			for _, tiles := range []int{1, 2, 9, 74} {
				pitch := each + 7
				words := make([]kernel.Word, (count-1)*pitch+each)
				a := ahead{words: words, count: count, each: each, pitch: pitch}
				a.spread(tiles)
				for range max(tiles, count) {
					part := a.next()
					for i := range part {
						part[i]++
					}
				}
				for i, times := range words {
					want := kernel.Word(1)
					if i%pitch >= each {
						want = 0 // between two stretches
					}
					require.Equal(t, want, times, "word %d of %d × %d, %d tiles", i, count, each, tiles)
				}
				require.Empty(t, a.next())
			}
		}
	}
}
