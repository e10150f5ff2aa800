package adapter_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/gguf"
	"fettle/internal/checkpoint/safetensors"
	"fettle/internal/compute/ref"
	"fettle/model"
)

// families are config.json files of models that are LLaMAs in all but name.
var families = map[string]string{
	"llama with biases": `"model_type": "llama", "attention_bias": true, "mlp_bias": true`,
	"llama, yarn":       `"model_type": "llama", "rope_scaling": {"rope_type": "yarn", "factor": 4}`,
	"mistral":           `"model_type": "mistral", "sliding_window": 3`,
	"qwen2":             `"model_type": "qwen2"`,
	"qwen3":             `"model_type": "qwen3", "head_dim": 6, "tie_word_embeddings": true`,
	"smollm3":           `"model_type": "smollm3", "no_rope_layer_interval": 2`,
	"phi3":              `"model_type": "phi3", "sliding_window": 3`,
	"gemma2": `"model_type": "gemma2", "head_dim": 6, "sliding_window": 3, "attn_logit_softcapping": 2,
		"final_logit_softcapping": 3`,
	"gemma3": `"model_type": "gemma3_text", "head_dim": 6, "sliding_window": 3, "sliding_window_pattern": 2`,
}

// familyModel draws a model of a family, norms and biases too.
func familyModel(t *testing.T, keys string) *model.Model { return changedModel(t, keys, "", 1) }

// changedModel is familyModel with the weights of some ending times a factor.
func changedModel(t *testing.T, keys, ending string, factor float32) *model.Model {
	c, tensors := familyTensors(t, keys, ending, factor)
	m, err := model.New(c, tensors, ref.New())
	require.NoError(t, err)
	return m
}

func familyTensors(t *testing.T, keys, ending string, factor float32) (*model.Config, map[string]checkpoint.Tensor) {
	c, err := model.ParseConfig([]byte(`{"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
		"num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 40, "max_position_embeddings": 64,
		"rms_norm_eps": 1e-5, ` + keys + `}`))
	require.NoError(t, err)
	random, tensors := rand.New(rand.NewPCG(4, 2)), map[string]checkpoint.Tensor{}
	for _, w := range c.Tensors() {
		values, spread := make([]float32, w.Size()), 0.3
		if len(w.Shape) == 2 {
			spread = 2 / math.Sqrt(float64(w.Shape[1]))
		}
		for i := range values {
			if values[i] = float32(spread * random.NormFloat64()); ending != "" && strings.HasSuffix(w.Name, ending) {
				values[i] *= factor
			}
		}
		tensors[w.Name] = checkpoint.FromFloat32s(w.Name, w.Shape, values)
	}
	return c, tensors
}

// Of every family and method: a new adapter changes nothing, a changed one is the same after saving and loading.
func TestFamiliesTakeEveryMethod(t *testing.T) {
	tokens := [][]int32{{1, 5, 9, 33, 2, 7, 7, 12}}
	b := model.Pack(tokens, tokens)
	logits := func(m *model.Model) []float32 {
		out, err := m.Logits(b, []int{0, 4, 7})
		require.NoError(t, err)
		return out
	}
	for family, keys := range families {
		for name, method := range map[string]adapter.Method{
			"lora": adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"all-linear"},
				Saved: adapter.Saved{Modules: []string{"embed_tokens", "norm"}}},
			"llama-adapter": adapter.LLaMAAdapter{Len: 3, Layers: 2, Gate: adapter.PerHead, GateActivation: adapter.Tanh},
			"full":          adapter.Full{},
		} {
			t.Run(family+"/"+name, func(t *testing.T) {
				base := familyModel(t, keys)
				want := logits(base)
				set, err := adapter.New(method, base, 1)
				require.NoError(t, err)
				m := set.Model()
				require.Equal(t, want, logits(m), "new")
				for range 2 { // a gate of zero hides its prompt from the first gradient
					set.ZeroGrad()
					_, err = m.Gradients(b, model.Uniform(1))
					require.NoError(t, err)
					require.NoError(t, set.Finish())
					for _, p := range set.Params() {
						for i, g := range p.Grad {
							p.Data[i] -= 0.05 * g
						}
					}
					require.NoError(t, set.Refresh())
				}
				changed := logits(m)
				require.NotEqual(t, want, changed, "trained")

				dir := t.TempDir()
				require.NoError(t, set.Save(dir))
				if name == "full" {
					loaded, err := model.Load(dir, ref.New())
					require.NoError(t, err)
					require.Equal(t, changed, logits(loaded), "saved and loaded")
					again, err := adapter.New(method, familyModel(t, keys), 2)
					require.NoError(t, err)
					require.NoError(t, again.Restore(dir))
					require.Equal(t, changed, logits(again.Model()), "restored")
					return
				}
				loaded, err := adapter.Load(dir, familyModel(t, keys))
				require.NoError(t, err)
				require.Equal(t, changed, logits(loaded.Model()), "saved and loaded")
			})
		}
	}
}

func TestFusedModulesAreNoTargets(t *testing.T) {
	base := familyModel(t, families["phi3"])
	for _, module := range []string{"qkv_proj", "gate_up_proj"} {
		stored := adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{module}}
		_, err := adapter.New(stored, base, 1)
		require.ErrorContains(t, err, module)
		require.ErrorContains(t, err, "q_proj")
	}
}

// PEFT has Phi-3's fused modules alone.
func TestALoRAOfFusedModulesIsReadAndWritten(t *testing.T) {
	base := familyModel(t, families["phi3"])
	for _, c := range []struct {
		reason  string
		lora    adapter.LoRA
		targets []string
		within  float64
	}{
		{"all", adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"all-linear"},
			Saved: adapter.Saved{Modules: []string{"norm"}}}, []string{"down_proj", "gate_up_proj", "o_proj", "qkv_proj"}, 0},
		{"two of three", adapter.LoRA{Rank: 2, Alpha: 3, Targets: []string{"q_proj", "v_proj"}}, []string{"qkv_proj"}, 0},
		{"patterns", patterned(true), []string{"down_proj", "gate_up_proj", "o_proj", "qkv_proj"}, 1e-4},
	} {
		t.Run(c.reason, func(t *testing.T) {
			dir, s := onDisk(t, c.lora, base)
			require.Contains(t, adapter.Readers(s.Method(), base.Config(), dir), "PEFT cannot read this adapter")
			want, out := lastLogits(t, s.Model()), filepath.Join(t.TempDir(), "out")
			require.NoError(t, adapter.Export(dir, base.Config(), out, adapter.Output{Form: adapter.PEFT}))
			f, err := safetensors.Open(filepath.Join(out, adapter.WeightsFile))
			require.NoError(t, err)
			defer f.Close()
			for _, name := range f.Names() {
				require.NotRegexp(t, `\.(q|k|v|gate|up)_proj\.`, name)
			}
			again, err := adapter.Load(out, base)
			require.NoError(t, err)
			require.Equal(t, c.targets, again.Method().(adapter.LoRA).Targets)
			require.InDeltaSlice(t, want, lastLogits(t, again.Model()), c.within+1e-5)
			require.Equal(t, s.Content(), again.Content())
			third := filepath.Join(t.TempDir(), "third")
			require.NoError(t, adapter.Export(out, base.Config(), third, adapter.Output{Form: adapter.PEFT}))
			size := func(dir string) int64 {
				info, err := os.Stat(filepath.Join(dir, adapter.WeightsFile))
				require.NoError(t, err)
				return info.Size()
			}
			require.Equal(t, size(out), size(third), "one A remains one")
			rewritten, err := adapter.Load(third, base)
			require.NoError(t, err)
			require.InDeltaSlice(t, want, lastLogits(t, rewritten.Model()), c.within+1e-5)

			saved := filepath.Join(t.TempDir(), "saved")
			require.NoError(t, again.Save(saved))
			back, err := adapter.Load(saved, base)
			require.NoError(t, err)
			require.Equal(t, lastLogits(t, again.Model()), lastLogits(t, back.Model()))
		})
	}
}

// llama.cpp has Phi-3's fused weights alone, too.
func TestALoRAOfFusedWeightsIsWrittenForLlamaCpp(t *testing.T) {
	base := familyModel(t, families["phi3"])
	for _, lora := range []adapter.LoRA{
		{Rank: 2, Alpha: 4, Targets: []string{"all-linear"}}, {Rank: 2, Alpha: 3, Targets: []string{"k_proj", "up_proj"}},
		patterned(true),
	} {
		dir, s := onDisk(t, lora, base)
		file := filepath.Join(t.TempDir(), "lora.gguf")
		require.NoError(t, adapter.Export(dir, base.Config(), file, adapter.Output{Form: adapter.GGUFLoRA}))
		g, err := gguf.Open(file)
		require.NoError(t, err)
		defer g.Close()
		require.NotRegexp(t, `attn_[qkv]\.|ffn_gate`, strings.Join(g.Names(), " "))
		require.Contains(t, g.Names(), "blk.1.attn_qkv.weight.lora_b")
		inGGUF, err := adapter.Load(file, base)
		require.NoError(t, err)
		require.InDeltaSlice(t, lastLogits(t, s.Model()), lastLogits(t, inGGUF.Model()), 1e-4)
	}
}

// PEFT on Gemma3ForConditionalGeneration has the language model's modules under model.language_model, the encoder's
// beside them.
func TestALoRAOfALanguageModelInsideALargerOneIsReadAndWritten(t *testing.T) {
	base := familyModel(t, `"model_type": "gemma3", "text_config": {"head_dim": 6, "sliding_window": 3,
		"sliding_window_pattern": 2}`)
	dir, s := onDisk(t, adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"q_proj", "v_proj"},
		Saved: adapter.Saved{Modules: []string{"embed_tokens"}}}, base)
	require.Contains(t, adapter.Readers(s.Method(), base.Config(), dir), "PEFT cannot read this adapter")
	out := filepath.Join(t.TempDir(), "out")
	require.NoError(t, adapter.Export(dir, base.Config(), out, adapter.Output{Form: adapter.PEFT, Portable: true}))
	weights := filepath.Join(out, adapter.WeightsFile)
	f, err := safetensors.Open(weights)
	require.NoError(t, err)
	defer f.Close()
	var tensors []checkpoint.Tensor
	for _, name := range f.Names() {
		require.True(t, strings.HasPrefix(name, "base_model.model.model.language_model."), name)
		tensor, _ := f.Tensor(name)
		tensors = append(tensors, tensor)
	}
	want := lastLogits(t, s.Model())
	reads := func(reason string) {
		again, err := adapter.Load(out, base)
		require.NoError(t, err, reason)
		require.Equal(t, want, lastLogits(t, again.Model()), reason)
		require.Empty(t, again.Notes(), reason)
	}
	reads("as written")

	encoder := "base_model.model.model.vision_tower.encoder.layers.0.self_attn.q_proj.lora_A.weight"
	tensors = append(tensors, checkpoint.FromFloat32s(encoder, []int{2, 3}, make([]float32, 6)))
	var file bytes.Buffer
	require.NoError(t, safetensors.Encode(&file, tensors, nil))
	require.NoError(t, os.WriteFile(weights, file.Bytes(), 0o644))
	config := filepath.Join(out, adapter.ConfigFile)
	for _, targets := range []string{
		`["q_proj", "v_proj"]`, `".*language_model.*\\.self_attn\\.(q_proj|v_proj)"`,
		`["language_model.model.layers.0.self_attn.q_proj", "language_model.model.layers.1.self_attn.q_proj", "v_proj"]`,
	} {
		require.NoError(t, os.WriteFile(config, []byte(`{"peft_type": "LORA", "r": 2, "lora_alpha": 4,
			"modules_to_save": ["embed_tokens"], "target_modules": `+targets+`}`), 0o644))
		reads(targets)
	}
}

// With a prompt of zeros all its keys and values are the biases: a gate of 1 adds the bias of the values once more.
func TestPromptsAreProjectedWithBiases(t *testing.T) {
	base := familyModel(t, families["qwen2"])
	twice := changedModel(t, families["qwen2"], "v_proj.bias", 2)
	method := adapter.LLaMAAdapter{Len: 3, Layers: 2, Gate: adapter.Scalar, GateActivation: adapter.None}
	set, err := adapter.New(method, base, 1)
	require.NoError(t, err)
	for _, p := range set.Params() {
		for i := range p.Data {
			p.Data[i] = 0
			if strings.HasSuffix(p.Name, "gate") {
				p.Data[i] = 1
			}
		}
	}
	require.NoError(t, set.Refresh())
	b := model.Pack([][]int32{{1, 5, 9, 33, 2}}, nil)
	want, err := twice.Logits(b, []int{0, 4})
	require.NoError(t, err)
	got, err := set.Model().Logits(b, []int{0, 4})
	require.NoError(t, err)
	require.InDeltaSlice(t, want, got, 1e-5)
}
