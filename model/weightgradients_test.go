package model_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
)

// collector sums up the gradients it receives.
type collector struct {
	dev    compute.Device
	sizes  map[string]int
	width  int
	byName map[string][]float32
}

func collect(t *testing.T, m *model.Model, weights ...string) *collector {
	c := &collector{m.Device(), map[string]int{}, m.Config().Hidden, map[string][]float32{}}
	for _, w := range m.Config().Tensors() {
		c.sizes[w.Name] = w.Size()
	}
	require.NoError(t, m.Collect(c, weights))
	return c
}

func (c *collector) of(weight string) []float32 {
	if c.byName[weight] == nil {
		c.byName[weight] = make([]float32, c.sizes[weight])
	}
	return c.byName[weight]
}

func (c *collector) Matrix(weight string, n, k int, dy, x []float32, segs []compute.Segment) {
	for _, s := range segs {
		c.dev.Gemm(true, false, n, k, s.Len, 1, dy[s.Row*n:], n, x[s.Row*k:], k, 1, c.of(weight), k)
	}
}

func (c *collector) Norm(weight string, dy, x []float32, n int, eps float32) {
	c.dev.RMSNormWeightBackward(c.of(weight), dy, x, n, eps)
}

func (c *collector) Bias(name string, dy []float32, n int) {
	sum := c.of(name)
	for i := range n {
		c.dev.Add(sum, dy[i*len(sum):])
	}
}

func (c *collector) Embedding(weight string, dy []float32, tokens []int32) {
	c.dev.ScatterAdd(c.of(weight), dy, tokens, c.width)
}

// backwards counts the calls of a device that belong to a backward pass through a block.
type backwards struct {
	compute.Device
	products, norms, attention int
}

func (d *backwards) MatMulT(dx, dy []float32, w *compute.Matrix, n int) {
	d.products++
	d.Device.MatMulT(dx, dy, w, n)
}

func (d *backwards) RMSNormBackward(dx, dy, x, w []float32, n int, eps float32) {
	d.norms++
	d.Device.RMSNormBackward(dx, dy, x, w, n, eps)
}

func (d *backwards) AttendBackward(
	dq, dk, dv, dout, out, q, k, v []float32, segs []compute.Segment, a compute.Attention,
) {
	d.attention++
	d.Device.AttendBackward(dq, dk, dv, dout, out, q, k, v, segs, a)
}

func TestAReceiverGetsTheWantedGradientsAndNoOthersAreComputed(t *testing.T) {
	tokens, labels := sequences(40, 9, 5, 12)
	batch := model.Pack(tokens, labels)
	whole := load(t, tinymodel.Config{}, ref.New())
	u, err := whole.Unfreeze(nil)
	require.NoError(t, err)
	losses, err := whole.Gradients(batch, model.Uniform(0.1))
	require.NoError(t, err)
	want, norms := map[string][]float32{}, []string{}
	for _, w := range u.Weights() {
		if want[w.Name] = w.Grad; strings.Contains(w.Name, "norm") {
			norms = append(norms, w.Name)
		}
	}
	const layer = "model.layers.1."
	for _, c := range []struct {
		reason                     string
		weights                    []string
		products, norms, attention int // of three layers, seven products each
	}{
		{"the head", []string{"lm_head.weight"}, 0, 0, 0},
		{"the final norm", []string{"model.norm.weight"}, 0, 0, 0},
		{"down_proj of the middle layer", []string{layer + "mlp.down_proj.weight"}, 7, 3, 1},
		{"up_proj", []string{layer + "mlp.up_proj.weight"}, 7 + 1, 3, 1},
		{"the norm before the MLP", []string{layer + "post_attention_layernorm.weight"}, 7 + 3, 3, 1},
		{"o_proj and the layers above it", []string{layer + "self_attn.o_proj.weight", "lm_head.weight"}, 7 + 3 + 1,
			3 + 1, 1},
		{"k_proj", []string{layer + "self_attn.k_proj.weight"}, 7 + 4, 4, 2},
		{"the norm before attention", []string{layer + "input_layernorm.weight"}, 7 + 7, 4, 2},
		{"the embedding", []string{"model.embed_tokens.weight"}, 21, 7, 3},
		{"norms", norms, 21, 6, 3},
		{"everything", slices.Collect(maps.Keys(want)), 21 + 3, 7, 3},
	} {
		t.Run(c.reason, func(t *testing.T) {
			dev := &backwards{Device: ref.New()}
			m := load(t, tinymodel.Config{}, dev)
			got := collect(t, m, c.weights...)
			again, err := m.Gradients(batch, model.Uniform(0.1))
			require.NoError(t, err)
			require.InDeltaSlice(t, losses, again, 1e-5)
			require.ElementsMatch(t, c.weights, slices.Collect(maps.Keys(got.byName)))
			for name, grad := range got.byName {
				require.InDeltaSlice(t, want[name], grad, 1e-5, name)
				require.NotZero(t, slices.Max(grad), name)
			}
			if !slices.Contains(c.weights, "lm_head.weight") {
				require.Equal(t, c.products, dev.products, "products")
			}
			require.Equal(t, []int{c.norms, c.attention}, []int{dev.norms, dev.attention}, "norms, attention")
		})
	}
}

func TestAReceiverGoesBelowTheLowestDelta(t *testing.T) {
	tokens, labels := sequences(40, 9, 5)
	base := load(t, tinymodel.Config{}, ref.New())
	above, want := attach(base, 2, model.DownProj)
	_, err := above.Gradients(model.Pack(tokens, labels), model.Uniform(0.1))
	require.NoError(t, err)
	got := collect(t, base, "model.layers.0.input_layernorm.weight")
	both, deltas := attach(base, 2, model.DownProj)
	_, err = both.Gradients(model.Pack(tokens, labels), model.Uniform(0.1))
	require.NoError(t, err)
	require.Equal(t, want[0].grad, deltas[0].grad)
	require.NotZero(t, slices.Max(got.of("model.layers.0.input_layernorm.weight")))
}

func TestOnlyWeightsOfTheModelCanBeCollected(t *testing.T) {
	m := load(t, tinymodel.Config{Tied: true}, ref.New())
	require.NoError(t, m.Collect(nil, []string{"lm_head.weight"}), "a tied head has a gradient of its own")
	err := m.Collect(nil, []string{"model.layers.3.mlp.up_proj.weight"})
	require.EqualError(t, err, "model: no weight model.layers.3.mlp.up_proj.weight")
}

func TestATiedGradientIsTheSumOfEmbeddingsAndHeads(t *testing.T) {
	tokens, labels := sequences(40, 9, 5)
	b, tied := model.Pack(tokens, labels), tinymodel.Config{Tied: true}
	parts := load(t, tied, ref.New())
	got := collect(t, parts, "model.embed_tokens.weight", "lm_head.weight")
	got.sizes["lm_head.weight"] = got.sizes["model.embed_tokens.weight"]
	_, err := parts.Gradients(b, model.Uniform(0.1))
	require.NoError(t, err)
	m := load(t, tied, ref.New())
	u, err := m.Unfreeze(nil)
	require.NoError(t, err)
	_, err = m.Gradients(b, model.Uniform(0.1))
	require.NoError(t, err)
	u.Finish()
	embedding := u.Weights()[0]
	require.Equal(t, "model.embed_tokens.weight", embedding.Name)
	sum := slices.Clone(got.of("model.embed_tokens.weight"))
	m.Device().Add(sum, got.of("lm_head.weight"))
	require.InDeltaSlice(t, sum, embedding.Grad, 1e-6)
	once := slices.Clone(embedding.Grad)
	u.Finish()
	require.Equal(t, once, embedding.Grad, "the next step starts at zero")
}
