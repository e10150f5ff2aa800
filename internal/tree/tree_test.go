package tree

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// written adds leaves as formulas, from ranges that end at the cuts, whose subtrees are then put together.
func written(cuts ...int) string {
	var whole Stack
	var sums []string
	place := func(s *Stack, terms []string, n Node, term string) []string {
		terms = append(terms, term)
		for range s.Push(n) {
			k := len(terms) - 1
			terms = append(terms[:k-1], "("+terms[k-1]+"+"+terms[k]+")")
		}
		return terms
	}
	lo := 0
	for _, hi := range cuts {
		var part Stack
		var terms []string
		for ; lo < hi; lo++ {
			terms = place(&part, terms, Node{At: lo}, fmt.Sprint(lo))
		}
		for i, n := range part {
			sums = place(&whole, sums, n, terms[i])
		}
	}
	for k := len(sums) - 1; k > 0; k-- {
		sums = append(sums[:k-1], "("+sums[k-1]+"+"+sums[k]+")")
	}
	return sums[0]
}

func TestTreeIsThatOfItsDefinition(t *testing.T) {
	for n, want := range map[int]string{
		1: "0", 2: "(0+1)", 3: "((0+1)+2)", 4: "((0+1)+(2+3))", 6: "(((0+1)+(2+3))+(4+5))",
		7: "(((0+1)+(2+3))+((4+5)+6))",
	} {
		require.Equal(t, want, written(n))
	}
}

func TestCutsDoNotChangeTheTree(t *testing.T) {
	for n := 1; n <= 24; n++ {
		want := written(n)
		for a := range n + 1 {
			for b := a; b <= n; b++ {
				require.Equal(t, want, written(a, b, n), "%d leaves cut at %d and %d", n, a, b)
			}
		}
	}
}

func TestDepthIsLogarithmic(t *testing.T) {
	for n := 1; n < 300; n++ {
		require.Equal(t, bits.Len(uint(n+1))-1, Deepest(0, n), "%d", n)
		for lo := range n {
			require.LessOrEqual(t, len(Nodes(lo, n)), 2*bits.Len(uint(n-lo)))
			require.LessOrEqual(t, Deepest(lo, n), 2*bits.Len(uint(n-lo)))
			require.GreaterOrEqual(t, Deepest(lo, n), len(Nodes(lo, n)))
		}
	}
}

// sum adds leaves lo … hi-1 as the package says: the largest complete subtree, and then the rest, itself such a sum.
func sum(leaves []float32, lo, hi int) float32 {
	if hi-lo == 1 {
		return leaves[lo]
	}
	half := 1 << (bits.Len(uint(hi-lo-1)) - 1)
	return sum(leaves, lo, lo+half) + sum(leaves, lo+half, hi)
}

func TestUniteAddsInTheOrderOfTheTree(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 5))
	for n := 1; n <= 40; n++ {
		leaves := make([]float32, n)
		for i := range leaves { // of many magnitudes, so that orders have different sums
			leaves[i] = float32(rng.NormFloat64() * math.Exp2(rng.Float64()*20))
		}
		for ranks := 1; ranks <= 5; ranks++ {
			cuts := []int{0}
			for range ranks - 1 {
				cuts = append(cuts, rng.IntN(n+1))
			}
			cuts = append(cuts, n)
			slices.Sort(cuts)
			parts := make([][][]float32, ranks)
			for r := range parts {
				for _, node := range Nodes(cuts[r], cuts[r+1]) {
					parts[r] = append(parts[r], []float32{sum(leaves, node.At, node.End())})
				}
			}
			require.Equal(t, []float32{sum(leaves, 0, n)}, Unite(cuts, parts), "%d leaves, cut at %v", n, cuts)
		}
	}
}
