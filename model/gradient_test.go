package model_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/cpu"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
)

// load writes a tiny model and loads it.
func load(t *testing.T, c tinymodel.Config, dev compute.Device) *model.Model {
	dir := t.TempDir()
	require.NoError(t, tinymodel.Write(dir, c, 7))
	m, err := model.Load(dir, dev)
	require.NoError(t, err)
	return m
}

func fast(t testing.TB, threads int) compute.Device {
	dev, err := cpu.New(cpu.Options{Threads: threads, Compute: "f32"})
	require.NoError(t, err)
	return dev
}

// sequences are random, of lengths that share no factor.
func sequences(vocab int, lengths ...int) (tokens, labels [][]int32) {
	rng := rand.New(rand.NewPCG(3, 3))
	for _, n := range lengths {
		ids, want := make([]int32, n), make([]int32, n)
		for i := range ids {
			ids[i] = int32(rng.IntN(vocab))
			want[i] = ids[i]
			if i < n/3 {
				want[i] = model.Ignore
			}
		}
		tokens, labels = append(tokens, ids), append(labels, want)
	}
	return tokens, labels
}

// affine is a Delta y += c·x·R + b with a fixed random R: as it reads x, errors in its own gradient and in the one it
// passes down both show.
type affine struct {
	width, in int
	r         []float32 // (in, width)
	b, grad   []float32 // (width)
	mutant    float32   // 1, or what its ∂/∂x is wrongly scaled by
}

func newAffine(in, width int, seed uint64) *affine {
	rng := rand.New(rand.NewPCG(seed, 1))
	a := &affine{width: width, in: in, r: make([]float32, in*width), b: make([]float32, width),
		grad: make([]float32, width), mutant: 1}
	for i := range a.r {
		a.r[i] = float32(rng.NormFloat64()) * 0.3 / float32(math.Sqrt(float64(in)))
	}
	for i := range a.b {
		a.b[i] = float32(rng.NormFloat64()) * 0.1
	}
	return a
}

func (a *affine) Forward(y, x []float32, b *model.Batch) error {
	for i := range len(y) / a.width {
		for o := range a.width {
			sum := float64(a.b[o])
			for k := range a.in {
				sum += float64(x[i*a.in+k]) * float64(a.r[k*a.width+o])
			}
			y[i*a.width+o] += float32(sum)
		}
	}
	return nil
}

func (a *affine) Backward(dx, dy, x, y []float32, b *model.Batch) error {
	for i := range len(dy) / a.width {
		for o := range a.width {
			g := dy[i*a.width+o]
			a.grad[o] += g
			if dx != nil {
				for k := range a.in {
					dx[i*a.in+k] += a.mutant * g * a.r[k*a.width+o]
				}
			}
		}
	}
	return nil
}

// attach puts an affine delta on the given places of the layers from low up.
func attach(m *model.Model, low int, places ...model.Place) (*model.Model, []*affine) {
	var all []*affine
	c := m.Config()
	view := m.With(func(s model.Site) model.Delta {
		for _, p := range places {
			if s.At != p || s.Layer < low {
				continue
			}
			in, width := c.Heads*c.HeadDim, c.Heads*c.HeadDim
			if p != model.Attention {
				w := m.Weight(s)
				in, width = w.K, w.N
			}
			a := newAffine(in, width, uint64(100*s.Layer+int(p)))
			all = append(all, a)
			return a
		}
		return nil
	})
	return view, all
}

// mismatch returns the largest relative error of the directional derivatives of the loss with respect to the deltas'
// biases, against central differences.
func mismatch(t *testing.T, m *model.Model, all []*affine) float64 {
	b := model.Pack(sequences(m.Config().Vocab, 7, 11, 4))
	_, err := m.Gradients(b, model.Uniform(1))
	require.NoError(t, err)
	worst := 0.0
	rng := rand.New(rand.NewPCG(5, 5))
	for _, a := range all {
		grad, start := append([]float32(nil), a.grad...), append([]float32(nil), a.b...)
		direction, slope, norm := make([]float32, len(grad)), 0.0, 0.0
		for i := range direction {
			direction[i] = float32(rng.NormFloat64())
			if norm += float64(grad[i]) * float64(grad[i]); i%2 == 0 {
				direction[i] += 3 * grad[i]
			}
			slope += float64(direction[i]) * float64(grad[i])
		}
		const h = 2e-3
		at := func(step float64) float64 {
			for i := range a.b {
				a.b[i] = start[i] + float32(step)*direction[i]
			}
			losses, err := m.Loss(b)
			require.NoError(t, err)
			sum := 0.0
			for _, l := range losses {
				sum += l
			}
			return sum
		}
		got := (8*(at(h)-at(-h)) - (at(2*h) - at(-2*h))) / (12 * h)
		copy(a.b, start)
		worst = max(worst, math.Abs(got-slope)/(math.Abs(slope)+math.Sqrt(norm)))
	}
	return worst
}

func TestGradientsMatchDifferences(t *testing.T) {
	for _, c := range []struct {
		name  string
		model tinymodel.Config
		low   int
		at    []model.Place
	}{
		{"every site", tinymodel.Config{}, 0, model.Places()},
		{"every site, a head per key", tinymodel.Config{KVHeads: 4}, 0, model.Places()},
		{"heads wider than the model", tinymodel.Config{HeadDim: 8}, 0, model.Places()},
		{"tied", tinymodel.Config{Tied: true}, 1, []model.Place{model.QProj, model.VProj}},
		{"from attention up", tinymodel.Config{}, 1, []model.Place{model.Attention}},
		{"from o_proj up", tinymodel.Config{}, 1, []model.Place{model.OProj}},
		{"from gate_proj up", tinymodel.Config{}, 1, []model.Place{model.GateProj, model.UpProj}},
		{"from down_proj up", tinymodel.Config{}, 2, []model.Place{model.DownProj}},
		{"llama3 positions", tinymodel.Config{Extra: map[string]any{"rope_scaling": map[string]any{
			"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
			"original_max_position_embeddings": 16}}}, 0, model.Places()},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, all := attach(load(t, c.model, ref.New()), c.low, c.at...)
			require.NotEmpty(t, all)
			require.Less(t, mismatch(t, m, all), 2e-3)
		})
	}
}

// The same check finds a delta that passes down a wrong gradient, wherever it is above another one.
func TestWrongGradientsAreNoticed(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	for _, p := range model.Places() {
		m, all := attach(load(t, tinymodel.Config{}, ref.New()), 0, model.Places()...)
		for i, a := range all {
			if i%8 == 3 || model.Places()[i%8] == p {
				a.mutant = 1
			}
			if model.Places()[i%8] == p {
				a.mutant = 0.5
			}
		}
		require.Greater(t, mismatch(t, m, all), 2e-3, "half of ∂/∂x missing at %v", p)
	}
}

func TestWeightGradientsMatchDifferences(t *testing.T) {
	for _, tied := range []bool{false, true} {
		t.Run(fmt.Sprint("tied ", tied), func(t *testing.T) {
			m := load(t, tinymodel.Config{Tied: tied}, ref.New())
			u, err := m.Unfreeze(nil)
			require.NoError(t, err)
			b := model.Pack(sequences(40, 7, 11))
			_, err = m.Gradients(b, model.Uniform(1))
			require.NoError(t, err)
			u.Finish()
			sum := func() float64 {
				require.NoError(t, u.Refresh())
				losses, err := m.Loss(b)
				require.NoError(t, err)
				return losses[0] + losses[1]
			}
			for _, w := range u.Weights() {
				norm := 0.0
				for _, g := range w.Grad {
					norm += float64(g) * float64(g)
				}
				norm = math.Sqrt(norm)
				start := append([]float32(nil), w.Data...)
				at := func(step float64) float64 {
					for i := range w.Data {
						w.Data[i] = start[i] + float32(step/norm)*w.Grad[i]
					}
					return sum()
				}
				const h = 4e-3
				got := (8*(at(h)-at(-h)) - (at(2*h) - at(-2*h))) / (12 * h)
				copy(w.Data, start)
				require.InEpsilon(t, norm, got, 5e-3, w.Name)
			}
		})
	}
}
