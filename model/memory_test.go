package model

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/ref"
)

// held counts the bytes of rows that a view has allocated.
func (w *work) held(c *Config) (activations, head int64) {
	for _, s := range w.states {
		activations += 4 * int64(cap(s.slab))
	}
	for _, x := range w.inputs {
		activations += 4 * int64(cap(x))
	}
	for _, a := range w.gradients.arrays(c) {
		activations += 4 * int64(cap(*a.data))
	}
	for _, a := range w.head.arrays(c) {
		head += 4 * int64(cap(*a.data))
	}
	return activations + 4*int64(cap(w.g)), head + 4*int64(cap(w.head.logits)+cap(w.head.capped))
}

// nothing is a Delta that leaves its site unchanged.
type nothing struct{}

func (nothing) Forward(_, _ []float32, _ *Batch) error        { return nil }
func (nothing) Backward(_, _, _, _ []float32, _ *Batch) error { return nil }

// everyRowLearned returns sequences of five and three tokens whose last block needs all rows.
func everyRowLearned() *Batch {
	b := Pack([][]int32{{1, 2, 3, 4, 5}, {6, 7, 8}}, nil)
	for row := range b.Tokens {
		b.Targets = append(b.Targets, Target{Row: row, Token: 9, Weight: 1})
	}
	return b
}

func TestFootprintEqualsTheAllocations(t *testing.T) {
	c := &Config{
		Hidden: 16, Intermediate: 24, Layers: 4, Heads: 4, KVHeads: 2, HeadDim: 4, Vocab: 40, MaxPositions: 64,
		NormEps: 1e-5, RopeTheta: 1e4, Tied: true,
	}
	b := everyRowLearned()
	for _, lowest := range []int{-1, 0, 2, 3} { // -1: full tuning
		place := UpProj
		if lowest == 2 {
			place = Attention
		}
		each := int64(4 * len(b.Tokens) * stateFloats(c, place == Attention))
		for keep := range int64(6) {
			for _, loss := range []bool{false, true} {
				for _, reserve := range []bool{false, true} {
					name := fmt.Sprintf("lowest %d, kept %d, loss %v, reserved %v", lowest, keep, loss, reserve)
					t.Run(name, func(t *testing.T) {
						m, err := Drawn(c, 1, 0.1, ref.New())
						require.NoError(t, err)
						use := Training{Rows: 8, Targets: 8, Longest: 5, Lowest: lowest, Keep: keep * each, Loss: loss}
						use.Attention = place == Attention
						if lowest < 0 {
							use.Head, use.Tied = true, c.Tied
							_, err := m.Unfreeze(nil)
							require.NoError(t, err)
						} else {
							m = m.With(func(s Site) Delta {
								if s.Layer >= lowest && s.At == place {
									return nothing{}
								}
								return nil
							})
						}
						m.Keep(use.Keep)
						if reserve {
							m.Reserve(use.Rows, use.Targets)
						}
						_, err = m.Gradients(b, Uniform(1))
						require.NoError(t, err)
						if loss {
							_, err = m.Loss(b)
							require.NoError(t, err)
						}
						want := Footprint(c, use)
						activations, head := m.work.held(c)
						require.Equal(t, [2]int64{want.Activations, want.Head}, [2]int64{activations, head})
						if lowest < 0 {
							require.EqualValues(t, 4*40*16, want.Gradients)
						}
					})
				}
			}
		}
	}
}

// What other architectures keep beside LLaMA's arrays: q and k before their norms, a row behind a norm, capped logits.
func TestFootprintOfOtherArchitectures(t *testing.T) {
	b := everyRowLearned()
	for _, arch := range []Arch{{QKNorm: true}, {PostNorms: true, NormOffset: 1, GELU: true}, {LogitCap: 2, ScoreCap: 3}} {
		c := &Config{
			Hidden: 16, Intermediate: 24, Layers: 4, Heads: 4, KVHeads: 2, HeadDim: 4, Vocab: 40, MaxPositions: 64,
			NormEps: 1e-5, RopeTheta: 1e4, Arch: arch,
		}
		for _, lowest := range []int{0, 2} {
			m, err := Drawn(c, 1, 0.1, ref.New())
			require.NoError(t, err)
			m = m.With(func(s Site) Delta {
				if s.Layer >= lowest && s.At == QProj {
					return nothing{}
				}
				return nil
			})
			use := Training{Rows: 8, Targets: 8, Longest: 5, Lowest: lowest, Keep: int64(2 * 4 * 8 * stateFloats(c, false))}
			m.Keep(use.Keep)
			_, err = m.Gradients(b, Uniform(1))
			require.NoError(t, err)
			want := Footprint(c, use)
			activations, head := m.work.held(c)
			require.Equal(t, [2]int64{want.Activations, want.Head}, [2]int64{activations, head}, "%+v", arch)
		}
	}
}

// The sum for LLaMA 7B, written out by hand.
func TestFootprintOf7B(t *testing.T) {
	c := &Config{Hidden: 4096, Intermediate: 11008, Layers: 32, Heads: 32, KVHeads: 32, HeadDim: 128, Vocab: 32000}
	const n, targets, d, f = 512, 256, 4096, 11008
	got := Footprint(c, Training{Rows: n, Targets: targets, Longest: n})
	states, inputs, gradients := 9*d+3*f, (32+2)*d, d+3*f+4*d
	require.EqualValues(t, 4*n*(states+inputs+gradients), got.Activations)
	require.EqualValues(t, 4*4*targets*d, got.Head)
	require.EqualValues(t, 31*4*n*(9*d+3*f),
		Footprint(c, Training{Rows: n, Keep: 1 << 62}).Activations-got.Activations)
}

// The sums for LLaMA 7B whose blocks 20 … 31 are trained: one state is shared by the blocks below, and only the inputs
// of blocks 20 … 32 and the embedding are kept.
func TestFootprintStopsAtTheLowestTrainedBlock(t *testing.T) {
	c := &Config{Hidden: 4096, Intermediate: 11008, Layers: 32, Heads: 32, KVHeads: 32, HeadDim: 128, Vocab: 32000}
	const n, d, f = 512, 4096, 11008
	const state, gradients = 9*d + 3*f, d + 3*f + 4*d
	for _, x := range []struct {
		name           string
		keep           int64
		states, inputs int
	}{
		{"all recomputed", 0, 1, 1 + 13},
		{"three kept", 3 * 4 * n * state, 1 + 3, 1 + 13},
		{"all kept", 1 << 62, 1 + 12, 1 + 13},
	} {
		t.Run(x.name, func(t *testing.T) {
			got := Footprint(c, Training{Rows: n, Lowest: 20, Keep: x.keep})
			require.EqualValues(t, 4*n*(x.states*state+(x.inputs+1)*d+gradients), got.Activations)
		})
	}
}

func TestWorkloadListsEveryWidth(t *testing.T) {
	c := &Config{Hidden: 16, Intermediate: 24, Layers: 4, Heads: 4, KVHeads: 2, HeadDim: 8, Vocab: 40}
	heads := compute.Attention{Heads: 4, KVHeads: 2, HeadDim: 8, Scale: c.scale()}
	inputs := []compute.Size{{Rows: 30, Width: 16}, {Rows: 30, Width: 24}, {Rows: 30, Width: 4 * 8}}
	use := Training{Rows: 30, Targets: 15, Longest: 10, Lowest: 2}
	require.Equal(t, compute.Workload{
		Inputs: inputs, Attention: heads, Longest: 10, Logits: compute.Size{Rows: 15, Width: 40},
	}, Workload(c, use))
	use.Head = true
	require.Equal(t, compute.Workload{
		Inputs: append(inputs, compute.Size{Rows: 10, Width: 40}), Attention: heads, Longest: 10,
	}, Workload(c, use), "the logits of a segment are the input of a plain product")
}

func TestSmallerBatchesKeepNoMoreBlocksThanReserved(t *testing.T) {
	c := &Config{
		Hidden: 16, Intermediate: 24, Layers: 4, Heads: 4, KVHeads: 2, HeadDim: 4, Vocab: 40, MaxPositions: 64,
		NormEps: 1e-5, RopeTheta: 1e4,
	}
	bare, err := Drawn(c, 1, 0.1, ref.New())
	require.NoError(t, err)
	m := bare.With(func(Site) Delta { return nothing{} })
	m.Keep(int64(2 * 4 * 8 * stateFloats(c, true)))
	m.Reserve(8, 6)
	require.Len(t, m.work.states, 3, "two kept, one shared")
	tokens := [][]int32{{1, 2, 3}}
	_, err = m.Gradients(Pack(tokens, tokens), Uniform(1))
	require.NoError(t, err)
	require.Len(t, m.work.states, 3)
}
