package adapter_test

import (
	"maps"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/gguf"
)

// counted returns a tensor of the numbers 0.01, 0.02, …
func counted(name string, shape ...int) checkpoint.Tensor {
	n := 1
	for _, d := range shape {
		n *= d
	}
	data := make([]float32, n)
	for i := range data {
		data[i] = float32(i+1) / 100
	}
	return checkpoint.FromFloat32s(name, shape, data)
}

// A LoRA of rank 2 on the tiny base, 16 wide: q of layer 0 and down of layer 1.
func ggufLoRA() (map[string]any, []checkpoint.Tensor) {
	return map[string]any{
			"general.architecture": "llama", "general.type": "adapter", "adapter.type": "lora", "adapter.lora.alpha": float32(4),
		}, []checkpoint.Tensor{
			counted("blk.0.attn_q.weight.lora_a", 2, 16), counted("blk.0.attn_q.weight.lora_b", 16, 2),
			counted("blk.1.ffn_down.weight.lora_a", 2, 24), counted("blk.1.ffn_down.weight.lora_b", 16, 2),
		}
}

func writeGGUF(t testing.TB, keys map[string]any, tensors []checkpoint.Tensor) string {
	var all []gguf.Key
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		all = append(all, gguf.Key{Name: name, Value: keys[name]})
	}
	var out []checkpoint.Lazy
	for _, tensor := range tensors {
		out = append(out, tensor.Lazy())
	}
	path := filepath.Join(t.TempDir(), "lora.gguf")
	require.NoError(t, gguf.Write(path, all, out))
	return path
}

func TestGGUFLoRAsAreCheckedAsLlamaCppChecksThem(t *testing.T) {
	base := load(t, fast(t, 1))
	type file struct {
		keys    map[string]any
		tensors []checkpoint.Tensor
	}
	for _, c := range []struct {
		reason string
		change func(f *file)
		want   string // empty: it loads
	}{
		{"whole", func(*file) {}, ""},
		{"norms are passed over", func(f *file) {
			f.tensors = append(f.tensors, counted("blk.0.attn_norm.weight", 16), counted("output_norm.weight", 16))
		}, ""},
		{"without B", func(f *file) { f.tensors = f.tensors[:3] }, "blk.1.ffn_down.weight.lora_a has no B beside it"},
		{"without A", func(f *file) { f.tensors = f.tensors[1:] }, "blk.0.attn_q.weight.lora_b has no A beside it"},
		{"factors of RoPE", func(f *file) { f.tensors = append(f.tensors, counted("rope_freqs.weight", 2)) },
			"tensor rope_freqs.weight is none of a LoRA"},
		{"a whole weight", func(f *file) { f.tensors = append(f.tensors, counted("blk.0.attn_q.weight", 16, 16)) },
			"tensor blk.0.attn_q.weight is none of a LoRA"},
		{"another module", func(f *file) { f.tensors = append(f.tensors, counted("blk.0.ssm_in.weight.lora_a", 2, 16)) },
			"blk.0.ssm_in.weight.lora_a is none of a LoRA"},
		{"a number that is not canonical", func(f *file) { f.tensors[0].Name = "blk.00.attn_q.weight.lora_a" },
			"blk.00.attn_q.weight.lora_a is none of a LoRA"},
		{"a layer that the base lacks", func(f *file) {
			const v = "blk.3.attn_v.weight"
			f.tensors = append(f.tensors, counted(v+".lora_a", 2, 16), counted(v+".lora_b", 8, 2))
		}, "tensor blk.3.attn_v.weight.lora_a is for layer 3, the base has 3"},
		{"no layer that the base has", func(f *file) {
			const v = "blk.9.attn_v.weight"
			f.tensors = []checkpoint.Tensor{counted(v+".lora_a", 2, 16), counted(v+".lora_b", 8, 2)}
		}, "tensor blk.9.attn_v.weight.lora_a is for layer 9, the base has 3"},
		{"another width", func(f *file) { f.tensors[0] = counted(f.tensors[0].Name, 2, 15) },
			"lora_A.weight: shape [2 15], want [2 16]"},
		{"other rows", func(f *file) { f.tensors[3] = counted(f.tensors[3].Name, 12, 2) }, "shape [12 2], want [16 2]"},
		{"rows that no head divides", func(f *file) { f.tensors[1] = counted(f.tensors[1].Name, 15, 2) },
			"15 rows, want a multiple of head_dim 4"},
		{"two ranks", func(f *file) { f.tensors[1] = counted(f.tensors[1].Name, 16, 3) }, "have different ranks"},
		{"three dimensions", func(f *file) { f.tensors[1] = counted(f.tensors[1].Name, 16, 2, 1) }, "want a matrix"},
		{"no rank", func(f *file) {
			f.tensors[0], f.tensors[1] = counted(f.tensors[0].Name, 0, 16), counted(f.tensors[1].Name, 16, 0)
		}, "rank 0, want 1"},
		{"a number that is none", func(f *file) { f.tensors[2].Data[3], f.tensors[2].Data[2] = 0x7f, 0xc0 },
			"element 0 is NaN"},
		{"another architecture", func(f *file) { f.keys["general.architecture"] = "qwen2" },
			"general.architecture is qwen2, the base's is llama"},
		{"no architecture", func(f *file) { delete(f.keys, "general.architecture") }, "general.architecture is missing"},
		{"a control vector", func(f *file) { f.keys["adapter.type"] = "control_vector" }, `"control_vector", want lora`},
		{"alpha is a text", func(f *file) { f.keys["adapter.lora.alpha"] = "4" }, "adapter.lora.alpha is 4, want a number"},
		{"alpha is none", func(f *file) { f.keys["adapter.lora.alpha"] = float32(math.Inf(1)) }, "want a number"},
		{"activated", func(f *file) { f.keys["adapter.alora.invocation_tokens"] = []uint32{5} }, "activated LoRA"},
		{"no tensors", func(f *file) { f.tensors = nil }, "it has no tensors of a LoRA"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			f := &file{}
			f.keys, f.tensors = ggufLoRA()
			c.change(f)
			path := writeGGUF(t, f.keys, f.tensors)
			require.Equal(t, adapter.GGUFLoRA, adapter.FormOf(path))
			_, err := adapter.Load(path, base)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestAnAlphaOfZeroIsAScaleOfOneAndNeverWritten(t *testing.T) {
	base := load(t, fast(t, 1))
	keys, tensors := ggufLoRA()
	keys["adapter.lora.alpha"] = float32(2) // the rank
	one, err := adapter.Load(writeGGUF(t, keys, tensors), base)
	require.NoError(t, err)
	for name, value := range map[string]any{"zero": float32(0), "missing": nil} {
		if keys["adapter.lora.alpha"] = value; value == nil {
			delete(keys, "adapter.lora.alpha")
		}
		zero, err := adapter.Load(writeGGUF(t, keys, tensors), base)
		require.NoError(t, err)
		require.Equal(t, lastLogits(t, one.Model()), lastLogits(t, zero.Model()), name)
	}

	out := filepath.Join(t.TempDir(), "out.gguf")
	dir, _ := onDisk(t, adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"q_proj"}}, base)
	require.NoError(t, adapter.Export(dir+":0", base.Config(), out, adapter.Output{Form: adapter.GGUFLoRA}))
	f, err := gguf.Open(out)
	require.NoError(t, err)
	defer f.Close()
	require.Equal(t, 1.0, f.Metadata["adapter.lora.alpha"])
	off, err := adapter.Load(out, base)
	require.NoError(t, err)
	require.Equal(t, lastLogits(t, base), lastLogits(t, off.Model()))
}

func TestHalfPrecisionIsWrittenOnRequest(t *testing.T) {
	base := load(t, fast(t, 1))
	dir, s := onDisk(t, adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"q_proj", "up_proj"}}, base)
	out := filepath.Join(t.TempDir(), "out.gguf")
	o := adapter.Output{Form: adapter.GGUFLoRA, Type: checkpoint.F16}
	require.NoError(t, adapter.Export(dir, base.Config(), out, o))
	again, err := adapter.Load(out, base)
	require.NoError(t, err)
	require.InDeltaSlice(t, lastLogits(t, s.Model()), lastLogits(t, again.Model()), 2e-3)
	require.NotEqual(t, lastLogits(t, s.Model()), lastLogits(t, again.Model()))
	o.Type = checkpoint.Q8_0
	require.ErrorContains(t, adapter.Export(dir, base.Config(), out, o), "want F32 or F16")
}
