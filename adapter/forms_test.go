package adapter_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/gguf"
	"fettle/internal/tinymodel"
	"fettle/model"
)

// lastLogits returns the logits of a prompt's last token.
func lastLogits(t *testing.T, m *model.Model) []float32 {
	out, err := m.Logits(model.Pack([][]int32{{1, 7, 30, 2, 19, 5}}, nil), []int{5})
	require.NoError(t, err)
	return out
}

// onDisk writes a stirred adapter of a method into a directory of its own.
func onDisk(t *testing.T, method adapter.Method, base *model.Model) (string, *adapter.Set) {
	s, err := adapter.New(method, base, 4)
	require.NoError(t, err)
	stir(t, s)
	dir := filepath.Join(t.TempDir(), "adapter")
	require.NoError(t, s.Save(dir))
	return dir, s
}

// patterned is a LoRA whose modules have three ranks and three scales.
func patterned(rs bool) adapter.LoRA {
	return adapter.LoRA{
		Rank: 3, Alpha: 5, RSLoRA: rs, Targets: []string{"all-linear"}, LoRAFile: adapter.LoRAFile{
			RankPattern:  adapter.Object[int]{{Key: "q_proj", Value: 2}, {Key: "layers.1.mlp.up_proj", Value: 5}},
			AlphaPattern: adapter.Object[float64]{{Key: "v_proj", Value: -7}, {Key: "layers.0.mlp.up_proj", Value: 11}},
		},
	}
}

func TestEveryFormOfALoRAComputesTheSame(t *testing.T) {
	base := load(t, fast(t, 1))
	for _, c := range []struct {
		reason string
		lora   adapter.LoRA
		exact  []adapter.Form // those that change no number
	}{
		{"two projections", adapter.LoRA{Rank: 4, Alpha: 8, Targets: []string{"q_proj", "v_proj"}},
			[]adapter.Form{adapter.PEFT, adapter.GGUFLoRA, adapter.MLX, adapter.LitGPT}},
		{"one of several layers", adapter.LoRA{Rank: 2, Alpha: 3, Targets: []string{"model.layers.1.mlp.up_proj", "k_proj"}},
			[]adapter.Form{adapter.PEFT, adapter.GGUFLoRA}},
		{"the head", adapter.LoRA{Rank: 4, Alpha: 8, Targets: []string{"o_proj", "lm_head"}},
			[]adapter.Form{adapter.PEFT, adapter.GGUFLoRA}},
		{"rsLoRA", adapter.LoRA{Rank: 3, Alpha: 8, RSLoRA: true, Targets: []string{"k_proj", "gate_proj"}}, nil},
		{"patterns", patterned(false), nil},
		{"rsLoRA with patterns", patterned(true), nil},
	} {
		t.Run(c.reason, func(t *testing.T) {
			dir, s := onDisk(t, c.lora, base)
			want := lastLogits(t, s.Model())
			changed := lastLogits(t, base)
			require.NotEqual(t, want, changed)
			for _, form := range []adapter.Form{adapter.PEFT, adapter.GGUFLoRA, adapter.MLX, adapter.LitGPT} {
				out := filepath.Join(t.TempDir(), "out")
				require.NoError(t, adapter.Export(dir, base.Config(), out, adapter.Output{Form: form, Portable: true}))
				require.Equal(t, form, adapter.FormOf(out))
				again, err := adapter.Load(out, base)
				require.NoError(t, err)
				got := lastLogits(t, again.Model())
				require.InDeltaSlice(t, want, got, 2e-5, form)
				require.Equal(t, s.Content(), again.Content(), form)
				for _, exact := range c.exact {
					if exact == form {
						require.Equal(t, want, got, form)
					}
				}
				// What was read is an adapter like any other: it goes on learning, and PEFT's files say the same.
				gradients(t, again.Model(), again, batch(6))
				plain := filepath.Join(t.TempDir(), "plain")
				require.NoError(t, again.Save(plain))
				back, err := adapter.Load(plain, base)
				require.NoError(t, err)
				require.Equal(t, got, lastLogits(t, back.Model()), form)
			}
		})
	}
}

func TestThePortableFormHasOneRankAndNoPatterns(t *testing.T) {
	base := load(t, fast(t, 1))
	dir, _ := onDisk(t, patterned(true), base)
	out := filepath.Join(t.TempDir(), "out")
	require.NoError(t, adapter.Export(dir, base.Config(), out, adapter.Output{Form: adapter.PEFT, Portable: true}))
	s, err := adapter.Load(out, base)
	require.NoError(t, err)
	l := s.Method().(adapter.LoRA)
	require.Equal(t, 5, l.Rank)
	require.Equal(t, 5.0, l.Alpha)
	require.False(t, l.RSLoRA)
	require.Empty(t, l.RankPattern)
	require.Empty(t, l.AlphaPattern)
}

func TestOnlyRowsOfBOfQAndKArePermutedForGGUF(t *testing.T) {
	base := load(t, fast(t, 1))
	dir, s := onDisk(t, adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"all-linear"}}, base)
	out := filepath.Join(t.TempDir(), "out.gguf")
	require.NoError(t, adapter.Export(dir, base.Config(), out, adapter.Output{Form: adapter.GGUFLoRA}))
	f, err := gguf.Open(out)
	require.NoError(t, err)
	defer f.Close()
	values := map[string][]float32{}
	for _, name := range f.Names() {
		require.NotContains(t, name, "rope_freqs")
		tensor, _ := f.Tensor(name)
		if values[name], err = checkpoint.Float32s(tensor); err != nil {
			require.NoError(t, err)
		}
	}
	of := map[string][]float32{}
	for _, p := range s.Params() {
		of[p.Name] = p.Data
	}
	const blk, peft = "blk.1.", "base_model.model.model.layers.1."
	for theirs, ours := range map[string]string{
		"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
		"attn_output": "self_attn.o_proj", "ffn_down": "mlp.down_proj",
	} {
		require.Equal(t, of[peft+ours+".lora_A.weight"], values[blk+theirs+".weight.lora_a"], theirs)
		b, want := values[blk+theirs+".weight.lora_b"], of[peft+ours+".lora_B.weight"]
		if theirs != "attn_q" && theirs != "attn_k" {
			require.Equal(t, want, b, theirs)
			continue
		}
		// Rows of a head of width 4: 0, 2, 1, 3 of Hugging Face's.
		for row := range len(b) / 2 {
			from := row/4*4 + []int{0, 2, 1, 3}[row%4]
			require.Equal(t, want[2*from:][:2], b[2*row:][:2], "%s row %d", theirs, row)
		}
	}
}

func TestALoRAOfEmbeddingAndHeadIsWrittenForAnUntiedBaseAlone(t *testing.T) {
	method := adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"q_proj", "embed_tokens", "lm_head"}}
	base := load(t, fast(t, 1))
	dir, s := onDisk(t, method, base)
	for _, form := range []adapter.Form{adapter.GGUFLoRA, adapter.MLX} {
		out := filepath.Join(t.TempDir(), "out")
		require.NoError(t, adapter.Export(dir, base.Config(), out, adapter.Output{Form: form}))
		again, err := adapter.Load(out, base)
		require.NoError(t, err)
		require.Equal(t, lastLogits(t, s.Model()), lastLogits(t, again.Model()), form)
	}
	tied := filepath.Join(t.TempDir(), "tied")
	require.NoError(t, tinymodel.Write(tied, tinymodel.Config{Tied: true}, 7))
	m, err := model.Load(tied, fast(t, 1))
	require.NoError(t, err)
	dir, _ = onDisk(t, method, m)
	for _, form := range []adapter.Form{adapter.GGUFLoRA, adapter.MLX} {
		err := adapter.Export(dir, m.Config(), filepath.Join(t.TempDir(), "out"), adapter.Output{Form: form})
		require.ErrorContains(t, err, "embedding and head of the base are one weight")
	}
}

func TestFormsRefuseWhatTheyCannotHold(t *testing.T) {
	base := load(t, fast(t, 1))
	q := []string{"q_proj"}
	for _, c := range []struct {
		reason string
		method adapter.Method
		forms  []adapter.Form
		want   string
	}{
		{"saved modules", adapter.LoRA{Rank: 2, Alpha: 4, Targets: q, Saved: adapter.Saved{Modules: []string{"lm_head"}}},
			[]adapter.Form{adapter.GGUFLoRA, adapter.MLX, adapter.LitGPT}, "modules_to_save"},
		{"trained tokens", adapter.LoRA{Rank: 2, Alpha: 4, Targets: q, Saved: adapter.Saved{Tokens: []string{"3"}}},
			[]adapter.Form{adapter.GGUFLoRA, adapter.MLX, adapter.LitGPT}, "trainable_token_indices"},
		{"biases of B", adapter.LoRA{Rank: 2, Alpha: 4, Targets: q, LoRAFile: adapter.LoRAFile{Bias: true}},
			[]adapter.Form{adapter.GGUFLoRA, adapter.MLX, adapter.LitGPT}, "lora_bias"},
		{"repeated layers",
			adapter.LoRA{Rank: 2, Alpha: 4, Targets: q,
				LoRAFile: adapter.LoRAFile{Replication: [][2]int{{0, 2}, {1, 3}}, Stored: true}},
			[]adapter.Form{adapter.GGUFLoRA, adapter.MLX, adapter.LitGPT}, "layer_replication"},
		{"embedding", adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"embed_tokens"}}, []adapter.Form{adapter.LitGPT},
			"LitGPT has no LoRA of embed_tokens"},
		{"LLaMA-Adapter", adapter.LLaMAAdapter{Len: 2, Layers: 2, Gate: adapter.PerHead, GateActivation: adapter.Tanh},
			[]adapter.Form{adapter.GGUFLoRA, adapter.MLX}, "LLaMA-Adapter changes the attention"},
		{"LoRA", adapter.LoRA{Rank: 2, Alpha: 4, Targets: q}, []adapter.Form{adapter.Official},
			"the form holds LLaMA-Adapters alone"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			for _, form := range c.forms {
				dir, _ := onDisk(t, c.method, base)
				out := filepath.Join(t.TempDir(), "out")
				require.ErrorContains(t, adapter.Export(dir, base.Config(), out, adapter.Output{Form: form}), c.want, form)
				require.NoFileExists(t, out)
			}
		})
	}
}

func TestAScaleMultipliesWhatAnAdapterAdds(t *testing.T) {
	base := load(t, fast(t, 1))
	top := t.TempDir()
	half := func(method adapter.Method) {
		dir, s := onDisk(t, method, base)
		scaled, err := adapter.Load(dir+":0.5", base)
		require.NoError(t, err)
		merged, err := adapter.Together(base, []*adapter.Set{s}, []float64{0.5})
		require.NoError(t, err)
		require.InDeltaSlice(t, lastLogits(t, merged), lastLogits(t, scaled.Model()), 1e-5)
		none, err := adapter.Load(dir+":0", base)
		require.NoError(t, err)
		require.InDeltaSlice(t, lastLogits(t, base), lastLogits(t, none.Model()), 1e-6)
	}
	half(patterned(false))
	half(adapter.LoRA{Rank: 2, Alpha: 4, RSLoRA: true, Targets: []string{"q_proj"}})

	for _, activation := range []string{adapter.Tanh, adapter.None} {
		method := adapter.LLaMAAdapter{Len: 2, Layers: 2, Gate: adapter.PerHead, GateActivation: activation}
		dir, s := onDisk(t, method, base)
		scaled, err := adapter.Load(dir+":-0.5", base)
		require.NoError(t, err)
		for layer, gates := range s.Gates() {
			for h, g := range gates {
				require.InDelta(t, -0.5*g, scaled.Gates()[layer][h], 1e-7)
			}
		}
	}
	dir, _ := onDisk(t, adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"q_proj"},
		Saved: adapter.Saved{Modules: []string{"norm"}}}, base)
	_, err := adapter.Load(dir+":0.5", base)
	require.ErrorContains(t, err, "leave out the scale")
	_, err = adapter.Load(dir+":NaN", base)
	require.ErrorContains(t, err, "scale NaN, want a number")

	odd := filepath.Join(top, "run:0.5")
	require.NoError(t, os.Mkdir(odd, 0o755))
	for name, want := range map[string]float64{odd: 1, odd + ":2": 2, odd + ":x": 1, top + "/none:0.5": 1, ":3": 1} {
		_, scale, err := adapter.Locate(name)
		require.NoError(t, err)
		require.Equal(t, want, scale, name)
	}
}

func TestTheRecordOfAGGUFFileIsInside(t *testing.T) {
	base := load(t, fast(t, 1))
	dir, s := onDisk(t, adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"q_proj"}}, base)
	record := adapter.Record{Version: "test", Base: "models/tiny", Fingerprint: base.Fingerprint(), Recipe: "alpaca"}
	s.Complete(&record)
	text, err := record.Encode()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, adapter.RecordFile), text, 0o644))
	for _, form := range []adapter.Form{adapter.GGUFLoRA, adapter.MLX, adapter.LitGPT, adapter.PEFT} {
		out := filepath.Join(t.TempDir(), "out")
		require.NoError(t, adapter.Export(dir, base.Config(), out, adapter.Output{Form: form}))
		got, err := adapter.ReadRecord(out)
		require.NoError(t, err)
		require.Equal(t, record, got, form)

		other := filepath.Join(t.TempDir(), "other")
		require.NoError(t, tinymodel.Write(other, tinymodel.Config{}, 8))
		m, err := model.Load(other, fast(t, 1))
		require.NoError(t, err)
		_, err = adapter.Load(out, m)
		require.ErrorIs(t, err, adapter.ErrOtherBase, form)
	}
}

func TestTheRecordOfAnExportHasItsGates(t *testing.T) {
	base := load(t, fast(t, 1))
	dir, s := onDisk(t, adapter.LLaMAAdapter{Len: 2, Layers: 2, Gate: adapter.PerHead, GateActivation: adapter.Tanh}, base)
	record := adapter.Record{Version: "test", Base: "models/tiny"}
	s.Complete(&record)
	require.Equal(t, adapter.Tanh, record.GateActivation)
	out := filepath.Join(t.TempDir(), "out")
	require.NoError(t, adapter.Export(dir, base.Config(), out, adapter.Output{Form: adapter.LitGPT, Record: record}))
	got, err := adapter.ReadRecord(out)
	require.NoError(t, err)
	require.Equal(t, adapter.None, got.GateActivation)
}
