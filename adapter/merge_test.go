package adapter_test

import (
	"bytes"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
)

// tinyBase writes and loads a tiny model.
func tinyBase(t *testing.T, c tinymodel.Config) (*model.Model, map[string]checkpoint.Tensor) {
	dir := t.TempDir()
	require.NoError(t, tinymodel.Write(dir, c, 7))
	m, err := model.Load(dir, ref.New())
	require.NoError(t, err)
	f, err := safetensors.Open(filepath.Join(dir, "model.safetensors"))
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return m, f.ByName
}

// merged makes a model of a base with adapters in its weights.
func merged(
	t *testing.T, m *model.Model, base map[string]checkpoint.Tensor, weights []float64, sets ...*adapter.Set,
) *model.Model {
	g, err := adapter.Merge(m, sets, weights, ref.New())
	require.NoError(t, err)
	all, err := g.Tensors(base)
	require.NoError(t, err)
	tensors := map[string]checkpoint.Tensor{}
	for _, c := range all {
		var data bytes.Buffer
		require.NoError(t, c.As(checkpoint.F32).Write(&data))
		tensors[c.Name] = checkpoint.Tensor{Name: c.Name, Type: checkpoint.F32, Shape: c.Shape, Data: data.Bytes()}
		require.NoError(t, tensors[c.Name].Check(), c.Name)
	}
	require.Equal(t, g.Config().Tied, tensors["lm_head.weight"].Data == nil)
	out, err := model.New(g.Config(), tensors, ref.New())
	require.NoError(t, err)
	return out
}

func TestMergedWeightsComputeAsTheAdapter(t *testing.T) {
	b, rows := batch(7, 12), []int{0, 3, 6, 18}
	for name, method := range methods {
		for base, c := range map[string]tinymodel.Config{"": {}, ", tied base": {Tied: true}} {
			t.Run(name+base, func(t *testing.T) {
				m, tensors := tinyBase(t, c)
				s, err := adapter.New(method, m, 1)
				require.NoError(t, err)
				stir(t, s)
				_, prompts := method.(adapter.LLaMAAdapter)
				if l, ok := method.(adapter.LoRA); prompts || ok && l.Bias {
					_, err := adapter.Merge(m, []*adapter.Set{s}, []float64{1}, ref.New())
					require.ErrorContains(t, err, "adapter_name_or_path")
					return
				}
				b.Train = false
				want, err := s.Model().Logits(b, rows)
				require.NoError(t, err)
				got, err := merged(t, m, tensors, []float64{1}, s).Logits(b, rows)
				require.NoError(t, err)
				require.InDeltaSlice(t, want, got, 1e-4)
				bare, err := m.Logits(b, rows)
				require.NoError(t, err)
				require.NotEqual(t, bare, got)

				nothing, err := merged(t, m, tensors, []float64{0}, s).Logits(b, rows)
				require.NoError(t, err)
				require.InDeltaSlice(t, bare, nothing, 1e-5)
			})
		}
	}
}

func TestMergedAdaptersAddUp(t *testing.T) {
	m, tensors := tinyBase(t, tinymodel.Config{})
	b, rows := batch(9), []int{0, 4, 8}
	first, err := adapter.New(adapter.LoRA{Rank: 4, Alpha: 8, Targets: []string{"q_proj", "lm_head"}}, m, 1)
	require.NoError(t, err)
	stir(t, first)
	second, err := adapter.New(adapter.LoRA{Rank: 2, Alpha: 8, Targets: []string{"q_proj", "up_proj"},
		Saved: adapter.Saved{Modules: []string{"norm"}}}, m, 2)
	require.NoError(t, err)
	stir(t, second)
	// Twice the half of an adapter is the adapter.
	want, err := second.Model().Logits(b, rows)
	require.NoError(t, err)
	got, err := merged(t, m, tensors, []float64{0.5, 0.5}, second, second).Logits(b, rows)
	require.NoError(t, err)
	require.InDeltaSlice(t, want, got, 1e-4)
	// One after another is both at once.
	once, err := merged(t, m, tensors, []float64{1, -0.5}, first, second).Logits(b, rows)
	require.NoError(t, err)
	other, err := merged(t, m, tensors, []float64{-0.5, 1}, second, first).Logits(b, rows)
	require.NoError(t, err)
	require.InDeltaSlice(t, once, other, 1e-4)
	require.NotEqual(t, want, once)
	_, err = adapter.Together(m, []*adapter.Set{first, second}, []float64{1, -0.5})
	require.ErrorContains(t, err, "can be merged, but not used without")

	third, err := adapter.New(methods["LoRA on embedding and head"], m, 2)
	require.NoError(t, err)
	stir(t, third)
	both, weights := []*adapter.Set{first, third}, []float64{-0.5, 2}
	view, err := adapter.Together(m, both, weights)
	require.NoError(t, err)
	want, err = view.Logits(b, rows)
	require.NoError(t, err)
	got, err = merged(t, m, tensors, weights, both...).Logits(b, rows)
	require.NoError(t, err)
	require.InDeltaSlice(t, want, got, 1e-4)
}

func TestReplicatedLayersAreMergedAsLayersOfTheirOwn(t *testing.T) {
	m, tensors := tinyBase(t, tinymodel.Config{})
	s, err := adapter.New(adapter.LoRA{Rank: 3, Alpha: 5, Targets: []string{"all-linear"},
		LoRAFile: adapter.LoRAFile{Replication: [][2]int{{0, 2}, {1, 3}}, Stored: true}}, m, 1)
	require.NoError(t, err)
	stir(t, s)
	b, rows := batch(9), []int{0, 8}
	want, err := s.Model().Logits(b, rows)
	require.NoError(t, err)
	out := merged(t, m, tensors, []float64{1}, s)
	require.Equal(t, 4, out.Config().Layers)
	got, err := out.Logits(b, rows)
	require.NoError(t, err)
	require.InDeltaSlice(t, want, got, 1e-4)
	_, err = adapter.Merge(m, []*adapter.Set{s, s}, []float64{1, 1}, ref.New())
	require.ErrorContains(t, err, "can only be merged alone")
}

func TestReplicatedLayersKeepTheirWindows(t *testing.T) {
	m := familyModel(t, families["gemma3"])
	method := func(ranges ...[2]int) adapter.LoRA {
		return adapter.LoRA{Rank: 3, Alpha: 5, Targets: []string{"q_proj"},
			LoRAFile: adapter.LoRAFile{Replication: ranges, Stored: true}}
	}
	s, err := adapter.New(method([2]int{0, 1}, [2]int{0, 2}), m, 1)
	require.NoError(t, err)
	g, err := adapter.Merge(m, []*adapter.Set{s}, []float64{1}, ref.New())
	require.NoError(t, err)
	require.Equal(t, []int{3, 3, 0}, g.Config().Arch.Windows)
	require.Equal(t, []model.Rotation{model.LocalRope, model.LocalRope, model.GlobalRope}, g.Config().Arch.Rotations)
	_, err = adapter.New(method([2]int{0, 3}), m, 1)
	require.ErrorContains(t, err, "layer_replication has layers 0 to 2, the base has 0 to 1")
}

func TestBiasesOfLoRAAreMergedIntoTheBases(t *testing.T) {
	m, _ := tinyBase(t, tinymodel.Config{})
	biased := adapter.LoRA{Rank: 2, Alpha: 6, Targets: []string{"q_proj", "o_proj"},
		LoRAFile: adapter.LoRAFile{Bias: true}}
	one, err := adapter.New(biased, m, 1)
	require.NoError(t, err)
	_, err = adapter.Merge(m, []*adapter.Set{one}, []float64{1}, ref.New())
	require.ErrorContains(t, err, "layers.0.q_proj of the base has none")

	c, tensors := familyTensors(t, families["llama with biases"], "", 1)
	m, err = model.New(c, tensors, ref.New())
	require.NoError(t, err)
	var sets []*adapter.Set
	for seed := range uint64(2) {
		s, err := adapter.New(biased, m, seed)
		require.NoError(t, err)
		stir(t, s)
		sets = append(sets, s)
	}
	together, err := adapter.Together(m, sets, []float64{1, -0.5})
	require.NoError(t, err)
	b := model.Pack([][]int32{{1, 5, 9, 33, 2, 7}}, nil)
	want, err := together.Logits(b, []int{2, 5})
	require.NoError(t, err)
	got, err := merged(t, m, tensors, []float64{1, -0.5}, sets...).Logits(b, []int{2, 5})
	require.NoError(t, err)
	require.InDeltaSlice(t, want, got, 2e-5)
}

func TestUnchangedTensorsKeepTheirBytes(t *testing.T) {
	m, tensors := tinyBase(t, tinymodel.Config{DType: checkpoint.BF16})
	s, err := adapter.New(adapter.LoRA{Rank: 4, Alpha: 8, Targets: []string{"k_proj"}}, m, 1)
	require.NoError(t, err)
	stir(t, s)
	g, err := adapter.Merge(m, []*adapter.Set{s}, []float64{1}, ref.New())
	require.NoError(t, err)
	all, err := g.Tensors(tensors)
	require.NoError(t, err)
	require.Len(t, all, len(tensors))
	for _, c := range all {
		require.Equal(t, strings.Contains(c.Name, "k_proj"), c.Rows != nil, c.Name)
		if c.Rows == nil {
			require.Equal(t, tensors[c.Name], c.Tensor)
		}
	}
}

func TestNumbersThatAreNotFiniteAreNotMerged(t *testing.T) {
	m, tensors := tinyBase(t, tinymodel.Config{})
	s, err := adapter.New(adapter.LoRA{Rank: 1, Alpha: 1e30, Targets: []string{"q_proj"}}, m, 1)
	require.NoError(t, err)
	for _, p := range s.Params() {
		for i := range p.Data {
			p.Data[i] = 1e9
		}
	}
	g, err := adapter.Merge(m, []*adapter.Set{s}, []float64{1}, ref.New())
	require.NoError(t, err)
	all, err := g.Tensors(tensors)
	require.NoError(t, err)
	for _, c := range all {
		if c.Rows != nil {
			require.ErrorContains(t, c.As(checkpoint.F32).Write(&bytes.Buffer{}), "element 0 is +Inf")
		}
	}
}

func TestProjectionsInsideOtherTensorsAreNotMergedInSilence(t *testing.T) {
	m, tensors := tinyBase(t, tinymodel.Config{})
	s, err := adapter.New(methods["LoRA q, v"], m, 1)
	require.NoError(t, err)
	g, err := adapter.Merge(m, []*adapter.Set{s}, []float64{1}, ref.New())
	require.NoError(t, err)
	fused := maps.Clone(tensors)
	delete(fused, "model.layers.1.self_attn.q_proj.weight")
	_, err = g.Tensors(fused)
	require.ErrorContains(t, err, "hold model.layers.1.self_attn.q_proj.weight together with other projections")
}
