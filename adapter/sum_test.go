package adapter_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/tree"
	"fettle/model"
)

// summed lists the methods whose parameters are all summed over sequences.
func summed() map[string]adapter.Method {
	all := map[string]adapter.Method{}
	for name, m := range methods {
		if l, ok := m.(adapter.LoRA); !ok || len(l.Modules) == 0 {
			all[name] = m
		}
	}
	return all
}

// part runs sequences lo … hi-1 of a step, one by one, and returns copies of their partial sums.
func part(t *testing.T, m *model.Model, s *adapter.Set, all []*model.Batch, lo, hi int) [][][]float32 {
	s.Begin(lo)
	for _, b := range all[lo:hi] {
		_, err := m.Gradients(b, model.Uniform(0.5))
		require.NoError(t, err)
	}
	parts := slices.Clone(s.Parts(hi))
	for i := range parts {
		parts[i] = slices.Clone(parts[i])
		for j := range parts[i] {
			parts[i][j] = slices.Clone(parts[i][j])
		}
	}
	return parts
}

// plus adds up arrays.
func plus(a, b [][]float32) [][]float32 {
	var out [][]float32
	for i := range a {
		x := slices.Clone(a[i])
		for j, v := range b[i] {
			x[j] += v
		}
		out = append(out, x)
	}
	return out
}

// byHalves is the tree as it is drawn: the largest power of two of leaves on the left.
func byHalves(leaves [][][]float32) [][]float32 {
	n := len(leaves)
	if n == 1 {
		return leaves[0]
	}
	k := 1
	for 2*k < n {
		k *= 2
	}
	return plus(byHalves(leaves[:k]), byHalves(leaves[k:]))
}

// united adds up the parts of several processes.
func united(cuts []int, parts [][][][]float32) [][]float32 {
	var s tree.Stack
	var sums [][][]float32
	fold := func() {
		k := len(sums) - 1
		sums = append(sums[:k-1], plus(sums[k-1], sums[k]))
	}
	for r := range parts {
		for i, n := range tree.Nodes(cuts[r], cuts[r+1]) {
			sums = append(sums, parts[r][i])
			for range s.Push(n) {
				fold()
			}
		}
	}
	for len(sums) > 1 {
		fold()
	}
	return sums[0]
}

func allBits(x [][]float32) [][]uint32 {
	var out [][]uint32
	for _, a := range x {
		out = append(out, bits(a))
	}
	return out
}

func TestSumsAreTheTreeWhoeverHasTheSequences(t *testing.T) {
	for name, method := range summed() {
		t.Run(name, func(t *testing.T) {
			s, err := adapter.New(method, load(t, fast(t, 1)), 1)
			require.NoError(t, err)
			stir(t, s)
			m := s.Model()
			for _, n := range []int{1, 2, 5, 7} {
				lengths := []int{9, 4, 12, 2, 7, 5, 3}[:n] // 2: nothing is learned of the first third, and one token
				whole := batch(lengths...)
				if n == 5 { // a sequence without a target, which the head does not see
					whole.Targets = slices.DeleteFunc(whole.Targets, func(t model.Target) bool {
						return t.Row >= whole.Segments[2].Row && t.Row < whole.Segments[3].Row
					})
				}
				all := split(whole)
				var leaves [][][]float32
				for i := range n {
					parts := part(t, m, s, all, i, i+1)
					require.Len(t, parts, 1)
					leaves = append(leaves, parts[0])
				}
				want := byHalves(leaves)
				s.ZeroGrad()
				_, err := m.Gradients(whole, model.Uniform(0.5))
				require.NoError(t, err)
				require.NoError(t, s.Finish())
				var finished [][]float32
				for _, p := range s.Params() {
					finished = append(finished, slices.Clone(p.Grad))
				}
				require.Equal(t, allBits(want), allBits(s.Totals()), "%d sequences", n)
				for _, cuts := range [][]int{{0, n}, {0, n / 2, n}, {0, n / 3, n - n/3, n}, {0, 0, n, n}} {
					var parts [][][][]float32
					for r := range len(cuts) - 1 {
						parts = append(parts, part(t, m, s, all, cuts[r], cuts[r+1]))
					}
					total := united(cuts, parts)
					require.Equal(t, allBits(want), allBits(total), "%d sequences cut at %v", n, cuts)
					for i, x := range s.Totals() {
						copy(x, total[i])
					}
					require.NoError(t, s.Finish())
					for i, p := range s.Params() {
						require.Equal(t, bits(finished[i]), bits(p.Grad), "%s, %d sequences cut at %v", p.Name, n, cuts)
					}
				}
			}
		})
	}
}

// Up to so many sequences a run has the bits that it had when sums went from the left.
func TestFewSequencesAreSummedAsBefore(t *testing.T) {
	for name, want := range map[string]int{
		"LoRA all": 3, "LoRA, bias": 3, "LLaMA-Adapter": 3, "raw gates": 3, "PEFT's prompts": 1, "trained tokens": 1,
		"LoRA on embedding and head": 1, "other trained tokens in the head": 1, "saved norms and a projection": 3,
	} {
		s, err := adapter.New(methods[name], load(t, fast(t, 1)), 1)
		require.NoError(t, err)
		require.Equal(t, want, s.InTurn(), name)
	}
	s, err := adapter.New(adapter.Full{}, load(t, fast(t, 1)), 1)
	require.NoError(t, err)
	require.Equal(t, -1, s.InTurn())
}
