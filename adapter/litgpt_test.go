package adapter_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/atomicfile"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/pth"
)

func litDir(t *testing.T, name string, settings string, tensors ...checkpoint.Tensor) string {
	dir := t.TempDir()
	write := func(w io.Writer) error { return pth.Encode(w, tensors) }
	require.NoError(t, atomicfile.Write(filepath.Join(dir, name), write))
	if settings != "" {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "hyperparameters.yaml"), []byte(settings), 0o644))
	}
	return dir
}

func TestLitGPTsFilesAreReadOrRefused(t *testing.T) {
	base := load(t, fast(t, 1))
	const block = "transformer.h.2.attn."
	const settings = "checkpoint_dir: models/tiny\nlora_r: 2\nlora_alpha: 4\nlora_query: true\nlora_value: true\n" +
		"other: [1]\n"
	const lower = "transformer.h.1.attn."
	prompt, gate := counted(block+"adapter_wte.weight", 5, 16), counted(block+"gating_factor", 1, 1, 4, 1)
	qv := func(rows int) []checkpoint.Tensor {
		return []checkpoint.Tensor{counted(block+"qkv.lora_A", 4, 16), counted(block+"qkv.lora_B", rows, 2)}
	}
	for _, c := range []struct{ reason, dir, want string }{
		{"a LLaMA-Adapter", litDir(t, "lit_model.pth.adapter", "", prompt, gate), ""},
		{"an earlier gate",
			litDir(t, "lit_model.pth.adapter", "", prompt, counted(block+"gating_factor", 1, 4, 1, 1)), ""},
		{"another gate", litDir(t, "lit_model.pth.adapter", "", prompt, counted(block+"gating_factor", 1, 8, 1, 1)),
			"gating_factor: shape [1 8 1 1], want [1 1 4 1]"},
		{"no prompt", litDir(t, "lit_model.pth.adapter", "", gate), "no prompts"},
		{"not up to the top", litDir(t, "lit_model.pth.adapter", "",
			counted(lower+"adapter_wte.weight", 5, 16),
			counted(lower+"gating_factor", 1, 1, 4, 1)), "prompts from layer 1 in 1 layers"},
		{"version 2", litDir(t, "lit_model.pth.adapter_v2", "", prompt, gate,
			counted("lm_head.adapter_bias", 40)), "version 2 trains biases"},
		{"a LoRA", litDir(t, "lit_model.pth.lora", settings, qv(24)...), ""},
		{"a LoRA without settings", litDir(t, "lit_model.pth.lora", "", qv(24)...),
			"put the run's hyperparameters.yaml beside"},
		{"rows of others", litDir(t, "lit_model.pth.lora", settings, qv(32)...), "32 rows, want"},
		{"A of others", litDir(t, "lit_model.pth.lora", settings+"lora_key: true\n", qv(32)...), "have different ranks"},
		{"an unknown module",
			litDir(t, "lit_model.pth.lora", settings, counted("transformer.h.0.mlp.experts.lora_A", 2, 16)),
			"none of a LoRA on a LLaMA"},
		{"broken settings", litDir(t, "lit_model.pth.lora", "lora_r: [", qv(24)...), "hyperparameters.yaml"},
		{"a rank of zero", litDir(t, "lit_model.pth.lora", "lora_r: 0\nlora_alpha: 1\n", qv(24)...), "lora_r is 0"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			s, err := adapter.Load(c.dir, base)
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
				return
			}
			require.NoError(t, err)
			if !strings.Contains(c.reason, "LoRA") {
				require.Equal(t, adapter.LLaMAAdapter{Len: 5, Layers: 1, Gate: "per_head", GateActivation: "none"}, s.Method())
				return
			}
			of := map[string][]float32{}
			for _, p := range s.Params() {
				of[p.Name] = p.Data
			}
			const v = "base_model.model.model.layers.2.self_attn.v_proj.lora_"
			require.Equal(t, float32(0.33), of[v+"A.weight"][0], "A of v is below A of q")
			require.Equal(t, float32(0.33), of[v+"B.weight"][0], "so is B: q has 16 rows")
			named, err := adapter.ReadBase(c.dir)
			require.NoError(t, err)
			require.Equal(t, "models/tiny", named)
		})
	}
}
