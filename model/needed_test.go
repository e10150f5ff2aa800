package model

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/cpu"
	"fettle/internal/compute/ref"
)

// passAll is pass where every block computes every row.
func (m *Model) passAll(b *Batch, d *Derivative) ([]float64, error) {
	last, err := m.blocks(b, nil, d != nil)
	if err != nil {
		return nil, err
	}
	losses, err := m.losses(b, nil, last, d)
	if err != nil || d == nil {
		return losses, err
	}
	return losses, m.descend(b, nil)
}

// scaled is a Delta that multiplies y by a factor for its position, and adds up dy·y by sample.
type scaled struct{ sums map[uint64]float64 }

func (scaled) Forward(y, _ []float32, b *Batch) error {
	for i := range y {
		y[i] *= 1 + float32(b.Positions[i*len(b.Tokens)/len(y)])/64
	}
	return nil
}

func (d scaled) Backward(_, dy, _, y []float32, b *Batch) error {
	width := len(y) / len(b.Tokens)
	for i, s := range b.Segments {
		for r := s.Row; r < s.Row+s.Len; r++ {
			for c := r * width; c < (r+1)*width; c++ {
				d.sums[b.Samples[i]] += float64(dy[c]) * float64(y[c])
				dy[c] *= 1 + float32(b.Positions[r])/64
			}
		}
	}
	return nil
}

// partly returns sequences some of whose tokens are learned, none of one of them.
func partly() (tokens, labels [][]int32) {
	const no = Ignore
	return [][]int32{
			{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {6, 7, 8}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 30, 31, 32, 33}, {5, 4},
			{3, 9, 3, 9, 3},
		}, [][]int32{
			{no, no, no, no, no, no, no, 8, 9, no, 11, no}, {no, no, no},
			{no, no, no, 4, no, no, no, no, no, no, no, 31, no, 33}, {no, 4}, {no, 9, 3, 9, 3},
		}
}

func TestLearnedRows(t *testing.T) {
	b := Pack(partly())
	some := b.learned()
	require.Equal(t, []int32{6, 7, 8, 9, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 29, 31, 32, 33, 34}, some.rows)
	require.Equal(t, []compute.Segment{
		{Row: 0, Len: 4, Key: 0, Past: 6}, {Row: 4, Len: 11, Key: 15, Past: 2}, {Row: 15, Len: 1, Key: 29},
		{Row: 16, Len: 4, Key: 31},
	}, some.Segments)
	require.Equal(t, []uint64{0, 2, 3, 4}, some.Samples)
	require.Equal(t, []int32{6, 7, 8, 9, 2}, some.Positions[:5])
	b.Targets = nil
	require.Nil(t, b.learned())
}

// gradients runs a pass of a model of c whose weights all learn, with a delta at every place of the layers from lowest
// on; learn: the backward pass too.
func (pass passOf) gradients(
	t *testing.T, dev compute.Device, c *Config, b *Batch, lowest int, learn bool,
) (losses []float64, sums map[uint64]float64, grads []Weight) {
	m, err := Drawn(c, 3, 0.4, dev)
	require.NoError(t, err)
	u, err := m.Unfreeze(nil)
	require.NoError(t, err)
	d := scaled{map[uint64]float64{}}
	m = m.With(func(s Site) Delta {
		if s.Layer >= lowest && s.At < numPlaces {
			return d
		}
		return nil
	})
	var half *Derivative
	if learn {
		uniform := Uniform(0.5)
		half = &uniform
	}
	losses, err = pass(m, b, half)
	require.NoError(t, err)
	return losses, d.sums, u.Weights()
}

type passOf func(*Model, *Batch, *Derivative) ([]float64, error)

func TestNeededRowsEqualAllRows(t *testing.T) {
	base := Config{
		Hidden: 16, Intermediate: 24, Layers: 3, Heads: 4, KVHeads: 2, HeadDim: 4, Vocab: 40, MaxPositions: 64,
		NormEps: 1e-5, RopeTheta: 1e4,
	}
	configs := map[string]Config{"plain": base}
	for name, arch := range map[string]Arch{
		"QKNorm": {QKNorm: true}, "PostNorms": {PostNorms: true, NormOffset: 1, GELU: true, LogitCap: 2},
		"biases": {Biases: [Attention]bool{true, true, true, true, true, true, true}}, "window": {Windows: []int{0, 0, 3}},
	} {
		c := base
		c.Arch = arch
		configs[name] = c
	}
	stretched := base
	stretched.RopeScaling = &RopeScaling{Type: dynamicRope, Factor: 2, OriginalMaxPositions: 8}
	configs["dynamic RoPE"] = stretched
	fast, err := cpu.New(cpu.Options{Compute: compute.ModeF32})
	require.NoError(t, err)
	for name, c := range configs {
		for _, dev := range []compute.Device{ref.New(), fast} {
			for _, pack := range []func(tokens, labels [][]int32) *Batch{Pack, PackShared} {
				b := pack(partly())
				for lowest := 0; lowest <= c.Layers && !(c.DynamicRope() && b.shared()); lowest++ {
					compareNeeded(t, dev, &c, b, lowest, name)
				}
			}
		}
	}
}

// compareNeeded compares passes over the needed rows with passes over all: losses to the bit.
func compareNeeded(t *testing.T, dev compute.Device, c *Config, b *Batch, lowest int, name string) {
	some, all := passOf((*Model).pass), passOf((*Model).passAll)
	losses, sums, grads := some.gradients(t, dev, c, b, lowest, true)
	wantLosses, wantSums, wantGrads := all.gradients(t, dev, c, b, lowest, true)
	require.Equal(t, wantLosses, losses, name)
	require.InDeltaMapValues(t, wantSums, sums, 1e-4, name)
	for i, w := range wantGrads {
		require.InDeltaSlice(t, w.Grad, grads[i].Grad, 1e-4, "%s: %s", name, w.Name)
	}
	losses, _, _ = some.gradients(t, dev, c, b, lowest, false)
	wantLosses, _, _ = all.gradients(t, dev, c, b, lowest, false)
	require.Equal(t, wantLosses, losses, name)
}
