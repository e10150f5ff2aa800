package model_test

import (
	"encoding/json"
	"hash/fnv"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
	"fettle/internal/compute"
	"fettle/internal/compute/ref"
	"fettle/model"
)

// goldenFamily is a run of docs/peers/families.py.
type goldenFamily struct {
	Name          string
	Config        string
	Center        float64 // of norms
	Tensors       map[string][]int
	IDs           []int32
	Rows          []int
	Logits, Exact [][]float32
	Loss          float64
	Gradients     map[string][2]float64 // norm, product with a mix
}

func goldenFamilies(t *testing.T) []goldenFamily {
	text, err := os.ReadFile("testdata/families.json")
	require.NoError(t, err)
	var all []goldenFamily
	require.NoError(t, json.Unmarshal(text, &all))
	require.NotEmpty(t, all)
	return all
}

// mix returns n numbers in [−1, 1) that depend on a name: SplitMix64 from FNV-1a.
func mix(name string, n int) []float64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	out, state := make([]float64, n), h.Sum64()
	for i := range out {
		state += 0x9E3779B97F4A7C15
		z := state
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		out[i] = float64((z^z>>31)>>40)/(1<<23) - 1
	}
	return out
}

// tensors makes the weights as the script does.
func (g goldenFamily) tensors() map[string]checkpoint.Tensor {
	all := map[string]checkpoint.Tensor{}
	for name, shape := range g.Tensors {
		n := 1
		for _, d := range shape {
			n *= d
		}
		values := make([]float32, n)
		for i, u := range mix(name, n) {
			switch {
			case len(shape) == 2:
				u *= 2 / math.Sqrt(float64(shape[1]))
			case strings.HasSuffix(name, "norm.weight"):
				u = u*0.5 + g.Center
			default:
				u *= 0.5
			}
			values[i] = float32(u)
		}
		all[name] = checkpoint.FromFloat32s(name, shape, values)
	}
	return all
}

func (g goldenFamily) load(t *testing.T, dev compute.Device) *model.Model {
	c, err := model.ParseConfig([]byte(g.Config))
	require.NoError(t, err)
	m, err := model.New(c, g.tensors(), dev)
	require.NoError(t, err)
	return m
}

// eachFamily runs a test on every model and device.
func eachFamily(t *testing.T, test func(t *testing.T, g goldenFamily, m *model.Model)) {
	for _, g := range goldenFamilies(t) {
		for name, dev := range devices(t) {
			t.Run(g.Name+"/"+name, func(t *testing.T) { test(t, g, g.load(t, dev)) })
		}
	}
}

func largest(t *testing.T, want, got []float32) (most float64) {
	require.Equal(t, len(want), len(got))
	for i := range want {
		most = max(most, math.Abs(float64(want[i])-float64(got[i])))
	}
	return most
}

func TestFamiliesEqualTransformersAndFloat64(t *testing.T) {
	eachFamily(t, func(t *testing.T, g goldenFamily, m *model.Model) {
		b := model.Pack([][]int32{g.IDs}, [][]int32{g.IDs})
		logits, err := m.Logits(b, g.Rows)
		require.NoError(t, err)
		exact := largest(t, slices.Concat(g.Exact...), logits)
		require.Less(t, exact, 2e-5, "float64")
		require.Less(t, largest(t, slices.Concat(g.Logits...), logits), 3e-5, "transformers")

		u, err := m.Unfreeze(nil)
		require.NoError(t, err)
		n := float64(len(b.Targets))
		losses, err := m.Gradients(b, model.Uniform(1/n))
		require.NoError(t, err)
		require.InEpsilon(t, g.Loss, losses[0]/n, 1e-6)
		u.Finish()
		var gradients []checkpoint.Computed
		for _, w := range u.Weights() {
			gradients = append(gradients, checkpoint.Computed{Tensor: checkpoint.FromFloat32s(w.Name, w.Shape, w.Grad)})
		}
		gradients, err = m.Config().Together(gradients)
		require.NoError(t, err)
		require.Len(t, gradients, len(g.Gradients))
		least, worst := 0.0, 0.0
		for _, want := range g.Gradients {
			least = max(least, 1e-3*want[0])
		}
		for _, x := range gradients {
			values, err := x.Floats()
			require.NoError(t, err)
			want, ok := g.Gradients[x.Name]
			require.True(t, ok, x.Name)
			square, product := 0.0, 0.0
			for i, u := range mix(x.Name+"#", len(values)) {
				square += float64(values[i]) * float64(values[i])
				product += float64(values[i]) * u
			}
			size := max(want[0], least)
			worst = max(worst, math.Abs(math.Sqrt(square)-want[0])/size, math.Abs(product-want[1])/size)
			require.InDelta(t, want[0], math.Sqrt(square), 2e-5*size, x.Name)
			require.InDelta(t, want[1], product, 2e-5*size, x.Name)
		}
		t.Logf("logits %.1e, gradients %.1e", exact, worst)
	})
}

// A token beyond the original positions of dynamic RoPE scaling is rotated in decoding by its own position.
func stretches(g goldenFamily) bool { return strings.Contains(g.Name, "beyond") }

func TestFamiliesDecodeAsTheyRunForward(t *testing.T) {
	eachFamily(t, func(t *testing.T, g goldenFamily, m *model.Model) {
		if stretches(g) {
			return
		}
		rows := make([]int, len(g.IDs))
		for i := range rows {
			rows[i] = i
		}
		want, err := m.Logits(model.Pack([][]int32{g.IDs}, nil), rows)
		require.NoError(t, err)
		s, v, from := m.NewSession(0), m.Config().Vocab, 0
		for _, n := range []int{3, 4, 5, 16, 17, 29} {
			got, err := s.Decode(g.IDs[from:n])
			require.NoError(t, err)
			require.Equal(t, bits(want[(n-1)*v:n*v]), bits(got), "after %d tokens", n)
			from = n
		}
	})
}

func TestLongDynamicSequencesDecodeTheSameHoweverTheyAreCut(t *testing.T) {
	eachFamily(t, func(t *testing.T, g goldenFamily, m *model.Model) {
		if !stretches(g) {
			return
		}
		var want []uint32
		for _, cuts := range [][]int{{29}, {5, 16, 17, 29}, {15, 20, 28, 29}} {
			s, from := m.NewSession(0), 0
			var got []float32
			for _, n := range cuts {
				var err error
				got, err = s.Decode(g.IDs[from:n])
				require.NoError(t, err)
				from = n
			}
			if want == nil {
				want = bits(got)
			}
			require.Equal(t, want, bits(got), "%v", cuts)
		}
	})
}

func TestFamiliesPackedEqualOneByOne(t *testing.T) {
	eachFamily(t, func(t *testing.T, g goldenFamily, m *model.Model) {
		tokens := [][]int32{g.IDs, g.IDs[3:20], g.IDs[7:9], g.IDs[:25]}
		gradients := func(batches ...*model.Batch) (losses []float64, all [][]uint32) {
			view, deltas := attach(m, 0, model.Places()...)
			for _, b := range batches {
				l, err := view.Gradients(b, model.Uniform(0.25))
				require.NoError(t, err)
				losses = append(losses, l...)
			}
			for _, d := range deltas {
				all = append(all, bits(d.grad))
			}
			return losses, all
		}
		losses, want := gradients(model.Pack(tokens, tokens))
		var single []*model.Batch
		for i := range tokens {
			single = append(single, model.Pack(tokens[i:i+1], tokens[i:i+1]))
		}
		again, got := gradients(single...)
		require.Equal(t, losses, again)
		require.Equal(t, want, got)

		shared, err := m.Loss(model.PackShared(tokens, tokens))
		if stretches(g) {
			require.ErrorContains(t, err, "dynamic RoPE scaling")
			return
		}
		require.NoError(t, err)
		sum := func(x []float64) (s float64) {
			for _, v := range x {
				s += v
			}
			return s
		}
		whole, err := m.Loss(model.Pack(tokens, tokens))
		require.NoError(t, err)
		require.InEpsilon(t, sum(whole), sum(shared), 1e-6, "shared prefixes")
	})
}

func TestFamiliesGradientsMatchDifferences(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	for _, g := range goldenFamilies(t) {
		if strings.Contains(g.Name, ",") {
			continue // a variant
		}
		t.Run(g.Name, func(t *testing.T) {
			places := model.Places()
			if g.Name == "smollm3" { // where no RoPE is, a shift of all keys changes nothing
				places = slices.DeleteFunc(places, func(p model.Place) bool { return p == model.KProj })
			}
			m, all := attach(g.load(t, ref.New()), 0, places...)
			require.Less(t, mismatch(t, m, all), 5e-3)
		})
	}
}

func TestFamiliesConfigsAreWrittenAsTheyAreRead(t *testing.T) {
	for _, g := range goldenFamilies(t) {
		c, err := model.ParseConfig([]byte(g.Config))
		require.NoError(t, err, g.Name)
		text, err := c.JSON()
		require.NoError(t, err, g.Name)
		again, err := model.ParseConfig(text)
		require.NoError(t, err, g.Name)
		require.Equal(t, c, again, g.Name)
	}
}
