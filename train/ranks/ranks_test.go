package ranks

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/internal/tree"
)

// leaves draws the gradients of n sequences.
func leaves(n, width int) [][]float32 {
	rng := rand.New(rand.NewPCG(6, 6))
	all := make([][]float32, n)
	for i := range all {
		for range width {
			all[i] = append(all[i], float32(rng.NormFloat64()))
		}
	}
	return all
}

// parts adds up leaves lo … hi-1 as far as one rank can.
func parts(all [][]float32, lo, hi int) [][][]float32 {
	var s tree.Stack
	var out [][][]float32
	for i := lo; i < hi; i++ {
		out = append(out, [][]float32{slices.Clone(all[i])})
		for range s.Push(tree.Node{At: i}) {
			k := len(out) - 1
			for j := range out[k][0] {
				out[k-1][0][j] += out[k][0][j]
			}
			out = out[:k]
		}
	}
	return out
}

func TestSumsDoNotDependOnRanks(t *testing.T) {
	const n, width = 11, 33
	all := leaves(n, width)
	want := tree.Unite([]int{0, n}, [][][]float32{flat(parts(all, 0, n))})
	for _, cuts := range [][]int{{0, n}, {0, 4, n}, {0, 3, 3, 7, n}, {0, 1, 2, 3, 5, 6, 10, n}} {
		size := len(cuts) - 1
		got := make([][]float32, size)
		var running sync.WaitGroup
		for i, r := range New(size, 10*time.Second) {
			running.Go(func() {
				mine := parts(all, cuts[i], cuts[i+1])
				got[i] = make([]float32, width)
				if len(mine) > 0 { // the sum may go where a part is
					got[i] = mine[0][0]
				}
				if err := r.Sum(cuts, mine, [][]float32{got[i]}); err != nil {
					t.Error(err)
				}
			})
		}
		running.Wait()
		for i := range got {
			require.Equal(t, want, got[i], "%v, rank %d", cuts, i)
		}
	}
}

func flat(parts [][][]float32) (out [][]float32) {
	for _, p := range parts {
		out = append(out, p[0])
	}
	return out
}

func TestAMissingRankIsNamed(t *testing.T) {
	all := New(3, 50*time.Millisecond)
	var running sync.WaitGroup
	for _, r := range []*Rank{all[0], all[2]} {
		running.Go(func() {
			if _, err := r.Gather(nil); err == nil || err.Error() != "rank 1 was not heard of for 50ms" {
				t.Error(err)
			}
		})
	}
	running.Wait()
	_, err := all[1].Gather(nil)
	require.EqualError(t, err, "rank 1 was not heard of for 50ms", "it is too late")
}
