package train

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/data"
)

// preference is the DPO loss over pairs of a chosen and a rejected answer,
//
//	−log σ(β·((base₀ − nll₀) − (base₁ − nll₁)))
//
// Rafailov et al. 2023, arXiv:2305.18290.
func preference(beta float64) Objective {
	return Objective{
		Weight: func([]int) int { return 1 },
		Loss: func(s Scores) (float64, []float64) {
			margin := beta * ((s.Base[0] - s.NLL[0]) - (s.Base[1] - s.NLL[1]))
			slope := beta / (1 + math.Exp(margin)) // β·σ(−margin)
			return math.Log1p(math.Exp(-margin)), []float64{slope, -slope}
		},
		Base: true,
	}
}

// pairs is a job whose examples have a second answer to the same prompt.
func pairs(t *testing.T, method adapter.Method, o Objective) Job {
	j := job(t, method, 2)
	j.Objective = o
	rng := rand.New(rand.NewPCG(3, 3))
	for _, examples := range [][]data.Example{j.Training, j.Evaluation} {
		for i, e := range examples {
			other := data.Sequence{Tokens: []int32{e.Tokens[0]}, Labels: []int32{data.Ignore}}
			for range 2 + rng.IntN(6) {
				token := int32(rng.IntN(40))
				other.Tokens, other.Labels = append(other.Tokens, token), append(other.Labels, token)
			}
			examples[i].Others = []data.Sequence{other}
		}
	}
	return j
}

func TestPreferenceStartsAtLogTwo(t *testing.T) {
	j := pairs(t, lora, preference(0.5))
	c := config(t.TempDir())
	r := &run{config: c, job: j, optimizer: newAdamW(c, j.Model.Device(), j.Adapter.Params())}
	_, row := gradientOf(t, r, []int{0, 1, 2, 3})
	require.Equal(t, math.Log1p(1), row.Loss, "a new adapter changes no likelihood")
	loss, _, err := r.evaluate(context.Background())
	require.NoError(t, err)
	require.Equal(t, math.Log1p(1), loss)
}

// The directional derivative along the gradient and along random directions, against central differences.
func TestPreferenceGradientEqualsDifferences(t *testing.T) {
	for _, name := range []string{"LoRA", "LLaMA-Adapter"} {
		t.Run(name, func(t *testing.T) {
			r := beginning(config(t.TempDir()), pairs(t, methods[name], preference(0.5)))
			require.NoError(t, r.job.Adapter.Refresh())
			which := []int{4, 1, 7, 2, 9}
			gradient, row := gradientOf(t, r, which)
			require.Positive(t, row.GradNorm)
			rng := rand.New(rand.NewPCG(5, 5))
			for trial := range 4 {
				direction := make([]float64, len(gradient))
				size := 0.0
				for i := range direction {
					direction[i] = rng.NormFloat64()
					if trial == 0 {
						direction[i] = float64(gradient[i])
					}
					size += direction[i] * direction[i]
				}
				slope := 0.0
				for i := range direction {
					direction[i] /= math.Sqrt(size)
					slope += direction[i] * float64(gradient[i])
				}
				const h = 2e-3
				ahead, back := lossAt(t, r, which, direction, h), lossAt(t, r, which, direction, -h)
				require.InDelta(t, (ahead-back)/(2*h), slope, 0.01*row.GradNorm, "direction %d", trial)
			}
		})
	}
}

// lossAt is the loss at the parameters plus h times direction.
func lossAt(t *testing.T, r *run, which []int, direction []float64, h float64) float64 {
	move := func(h float64) {
		i := 0
		for _, p := range r.job.Adapter.Params() {
			for k := range p.Data {
				p.Data[k] += float32(h * direction[i])
				i++
			}
		}
		require.NoError(t, r.job.Adapter.Refresh())
	}
	move(h)
	row, err := r.gradients(context.Background(), 0, which)
	require.NoError(t, err)
	move(-h)
	return row.Loss
}

func TestPreferenceIsLearned(t *testing.T) {
	c := config(t.TempDir())
	c.Epochs, c.Schedule = 20, "constant"
	r, err := Run(context.Background(), c, pairs(t, lora, preference(0.5)))
	require.NoError(t, err)
	require.Equal(t, math.Log1p(1), r.EvalBefore)
	require.Less(t, r.Loss, 0.5*r.EvalBefore)
}

// Pairs are divided into micro-batches and interrupted as single sequences are.
func TestPreferenceOutcomeDependsOnTheRunAlone(t *testing.T) {
	want := finish(t, config(t.TempDir()), pairs(t, lora, preference(0.5)))
	c := config(t.TempDir())
	c.BatchSize, c.Accumulation = 4, 1
	require.Equal(t, want, finish(t, c, pairs(t, lora, preference(0.5))))
	c = config(t.TempDir())
	_, err := Run(&countdown{context.Background(), 9}, c, pairs(t, lora, preference(0.5)))
	require.ErrorIs(t, err, ErrStopped)
	require.Equal(t, want, finish(t, c, pairs(t, lora, preference(0.5))))
}

// The mean over learned tokens, written out as an objective of its own, gives the bits of the default.
func TestTokenMeanIsTheDefault(t *testing.T) {
	mean := Objective{Loss: func(s Scores) (sum float64, ones []float64) {
		for _, nll := range s.NLL {
			sum, ones = sum+nll, append(ones, 1)
		}
		return sum, ones
	}}
	for _, name := range []string{"LoRA", "LLaMA-Adapter"} { // full tuning sums the logged loss another way
		t.Run(name, func(t *testing.T) {
			j := job(t, methods[name], 2)
			j.Objective = mean
			require.Equal(t, finish(t, config(t.TempDir()), job(t, methods[name], 2)), finish(t, config(t.TempDir()), j))
		})
	}
}

func TestObjectivesThatCannotRunAreRefused(t *testing.T) {
	c := config(t.TempDir())
	c.LoRA.Dropout, c.SharePrefix = 0, "true"
	_, err := Run(context.Background(), c, pairs(t, lora, preference(0.5)))
	require.ErrorIs(t, err, ErrRefused)
	require.ErrorContains(t, err, "needs the loss of each sequence")
	_, err = Run(context.Background(), config(t.TempDir()), pairs(t, methods["full"], preference(0.5)))
	require.ErrorIs(t, err, ErrRefused)
	require.ErrorContains(t, err, "without its adapter")
	wrong := Objective{Loss: func(Scores) (float64, []float64) { return 0, nil }}
	_, err = Run(context.Background(), config(t.TempDir()), pairs(t, lora, wrong))
	require.ErrorContains(t, err, "0 derivatives for the 2 sequences")
}

func TestSequencesOfAnExampleAreCounted(t *testing.T) {
	e := data.Example{Tokens: []int32{1, 2, 3}, Labels: []int32{data.Ignore, 2, 3}}
	one := setHash([]data.Example{e, {Tokens: []int32{4, 5}, Labels: []int32{4, 5}}})
	e.Others = []data.Sequence{{Tokens: []int32{4, 5}, Labels: []int32{4, 5}}}
	require.Equal(t, []int{5, 3}, []int{e.Len(), e.Learned()})
	require.NotEqual(t, one, setHash([]data.Example{e}), "two sequences of one example are not two examples")
	more := e
	more.Others = append(more.Others[:1:1], data.Sequence{Tokens: []int32{6, 7}, Labels: []int32{6, 7}})
	apart := []data.Example{e, {Tokens: []int32{6, 7}, Labels: []int32{6, 7}}}
	require.NotEqual(t, setHash(apart), setHash([]data.Example{more}))
	c := config(t.TempDir())
	c.BatchSize = 1
	w := NewWorkload(c, []data.Example{e}, nil)
	require.Equal(t, []int{5, 3, 3}, []int{w.Tokens, w.Learned, w.Longest})
}
