package adapter_test

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
	"fettle/internal/compute"
	"fettle/internal/compute/cpu"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
)

// methods lists all kinds of adapters with the settings of the papers and of PEFT.
var methods = map[string]adapter.Method{
	"LoRA q, v":     adapter.LoRA{Rank: 4, Alpha: 8, Targets: []string{"q_proj", "v_proj"}},
	"LoRA all":      adapter.LoRA{Rank: 3, Alpha: 5, Targets: []string{"all-linear"}},
	"rsLoRA":        adapter.LoRA{Rank: 4, Alpha: 8, RSLoRA: true, Targets: []string{"k_proj", "o_proj"}},
	"LoRA, dropout": adapter.LoRA{Rank: 4, Alpha: 8, Dropout: 0.3, Targets: []string{"q_proj", "down_proj"}},
	"saved embedding and head": adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"q_proj"},
		Saved: adapter.Saved{Modules: []string{"embed_tokens", "lm_head"}}},
	"saved head": adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"q_proj"},
		Saved: adapter.Saved{Modules: []string{"lm_head"}}},
	"saved embedding": adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"q_proj"},
		Saved: adapter.Saved{Modules: []string{"model.embed_tokens"}}},
	"saved embedding, tied": adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"q_proj"},
		Saved: adapter.Saved{Modules: []string{"embed_tokens"}, Tying: true}},
	"saved norms and a projection": adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"v_proj"},
		Saved: adapter.Saved{Modules: []string{"norm", "layers.1.mlp.down_proj"}}},
	"LoRA on embedding and head": adapter.LoRA{Rank: 3, Alpha: 5, Targets: []string{"embed_tokens", "o_proj", "lm_head"}},
	"LoRA on the head, dropout":  adapter.LoRA{Rank: 3, Alpha: 5, Dropout: 0.3, Targets: []string{"v_proj", "lm_head"}},
	"trained tokens alone":       adapter.TrainedTokens{Tokens: []string{"embed_tokens:31", "embed_tokens:0"}},
	"trained tokens": adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"k_proj"},
		Saved: adapter.Saved{Tokens: []string{"31", "0", "17"}}},
	"other trained tokens in the head": adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"k_proj"},
		Saved: adapter.Saved{Tokens: []string{"31", "lm_head:12", "lm_head:31"}}},
	"LoRA, bias": adapter.LoRA{Rank: 4, Alpha: 8, Dropout: 0.2, Targets: []string{"k_proj", "up_proj"},
		LoRAFile: adapter.LoRAFile{Bias: true}},
	"LLaMA-Adapter":  adapter.LLaMAAdapter{Len: 5, Layers: 2, Gate: adapter.PerHead, GateActivation: adapter.Tanh},
	"raw gates":      adapter.LLaMAAdapter{Len: 5, Layers: 3, Gate: adapter.PerHead, GateActivation: adapter.None},
	"PEFT's prompts": adapter.LLaMAAdapter{Len: 5, Layers: 2, Gate: adapter.Scalar, GateActivation: adapter.None},
}

func fast(t *testing.T, threads int) compute.Device {
	dev, err := cpu.New(cpu.Options{Threads: threads, Compute: "f32"})
	require.NoError(t, err)
	return dev
}

func load(t *testing.T, dev compute.Device) *model.Model {
	dir := t.TempDir()
	require.NoError(t, tinymodel.Write(dir, tinymodel.Config{}, 7))
	m, err := model.Load(dir, dev)
	require.NoError(t, err)
	return m
}

// batch packs random sequences; their first third is not learned.
func batch(lengths ...int) *model.Batch {
	rng := rand.New(rand.NewPCG(3, 3))
	var tokens, labels [][]int32
	for _, n := range lengths {
		ids, want := make([]int32, n), make([]int32, n)
		for i := range ids {
			ids[i] = int32(rng.IntN(40))
			want[i] = ids[i]
			if i < n/3 {
				want[i] = model.Ignore
			}
		}
		tokens, labels = append(tokens, ids), append(labels, want)
	}
	b := model.Pack(tokens, labels)
	b.Train, b.Seed, b.Step = true, 9, 4
	return b
}

// stir moves the parameters away from their beginning, where gates are zero.
func stir(t *testing.T, s *adapter.Set) {
	rng := rand.New(rand.NewPCG(8, 8))
	for _, p := range s.Params() {
		for i := range p.Data {
			p.Data[i] += float32(rng.NormFloat64()) * 0.1
		}
	}
	require.NoError(t, s.Refresh())
}

func gradients(t *testing.T, m *model.Model, s *adapter.Set, batches ...*model.Batch) {
	s.ZeroGrad()
	for _, b := range batches {
		_, err := m.Gradients(b, model.Uniform(0.5))
		require.NoError(t, err)
	}
	require.NoError(t, s.Finish())
}

func bits(x []float32) []uint32 {
	out := make([]uint32, len(x))
	for i, v := range x {
		out[i] = math.Float32bits(v)
	}
	return out
}

func TestNewAdapterChangesNothing(t *testing.T) {
	for device, dev := range map[string]compute.Device{"ref": ref.New(), "cpu": fast(t, 2)} {
		m := load(t, dev)
		b := batch(7, 12)
		rows := []int{0, 3, 6, 7, 18}
		want, err := m.Logits(b, rows)
		require.NoError(t, err)
		for name, c := range methods {
			t.Run(name+" on "+device, func(t *testing.T) {
				s, err := adapter.New(c, m, 1)
				require.NoError(t, err)
				got, err := s.Model().Logits(b, rows)
				require.NoError(t, err)
				require.Equal(t, bits(want), bits(got))
			})
		}
	}
}

// slope compares the gradient of every parameter along itself with central
// differences of the loss; it returns the worst relative error.
func slope(t *testing.T, m *model.Model, s *adapter.Set) float64 {
	b := batch(7, 12, 4)
	gradients(t, m, s, b)
	worst := 0.0
	for _, p := range s.Params() {
		grad, start, norm := append([]float32(nil), p.Grad...), append([]float32(nil), p.Data...), 0.0
		for _, g := range grad {
			norm += float64(g) * float64(g)
		}
		norm = math.Sqrt(norm)
		at := func(step float64) float64 {
			for i := range p.Data {
				p.Data[i] = start[i] + float32(step/norm)*grad[i]
			}
			require.NoError(t, s.Refresh())
			losses, err := m.Loss(b)
			require.NoError(t, err)
			return 0.5 * (losses[0] + losses[1] + losses[2])
		}
		const h = 2e-3
		got := (8*(at(h)-at(-h)) - (at(2*h) - at(-2*h))) / (12 * h)
		copy(p.Data, start)
		require.NoError(t, s.Refresh())
		worst = max(worst, math.Abs(got-norm)/norm)
	}
	return worst
}

func TestGradientsMatchDifferences(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	for name, c := range methods {
		t.Run(name, func(t *testing.T) {
			base := load(t, ref.New())
			s, err := adapter.New(c, base, 1)
			require.NoError(t, err)
			stir(t, s)
			require.Less(t, slope(t, s.Model(), s), 5e-3)
		})
	}
}

func TestBitsDependOnNothingButTheStep(t *testing.T) {
	for name, c := range methods {
		t.Run(name, func(t *testing.T) {
			var want [][]uint32
			for _, cut := range []struct {
				threads int
				batches []*model.Batch
			}{
				{2, []*model.Batch{batch(7, 12, 4)}}, {1, []*model.Batch{batch(7, 12, 4)}}, {3, split(batch(7, 12, 4))},
			} {
				base := load(t, fast(t, cut.threads))
				s, err := adapter.New(c, base, 1)
				require.NoError(t, err)
				stir(t, s)
				gradients(t, s.Model(), s, cut.batches...)
				for i, p := range s.Params() {
					if len(want) <= i {
						want = append(want, bits(p.Grad))
					}
					require.Equal(t, want[i], bits(p.Grad), "%s, %d threads, %d micro-batches", p.Name, cut.threads, len(cut.batches))
				}
			}
		})
	}
}

// split makes a micro-batch of every sequence.
func split(b *model.Batch) []*model.Batch {
	var all []*model.Batch
	for i, s := range b.Segments {
		one := *b
		one.Tokens, one.Positions = b.Tokens[s.Row:s.Row+s.Len], b.Positions[s.Row:s.Row+s.Len]
		one.Segments, one.Samples = []compute.Segment{{Len: s.Len}}, b.Samples[i:i+1]
		one.Targets = nil
		for _, target := range b.Targets {
			if target.Row >= s.Row && target.Row < s.Row+s.Len {
				target.Row -= s.Row
				one.Targets = append(one.Targets, target)
			}
		}
		all = append(all, &one)
	}
	return all
}

// written returns a set's files.
func written(t testing.TB, s *adapter.Set) map[string]string {
	files, err := s.Files()
	require.NoError(t, err)
	all := map[string]string{}
	for name, write := range files {
		var b strings.Builder
		require.NoError(t, write(&b))
		all[name] = b.String()
	}
	return all
}

func TestSavedAdaptersLoadEqual(t *testing.T) {
	for name, c := range methods {
		t.Run(name, func(t *testing.T) {
			m, dir := load(t, ref.New()), t.TempDir()
			s, err := adapter.New(c, m, 1)
			require.NoError(t, err)
			s.Base = "tiny"
			stir(t, s)
			require.NoError(t, s.Save(dir))
			again, err := adapter.Load(dir, m)
			require.NoError(t, err)
			require.Equal(t, written(t, s), written(t, again))
		})
	}
}

func put(t *testing.T, dir, name, text string) {
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
}

// shard empties the tensors of a file, as the ranks of a sharded model that have none of them write it.
func shard(t *testing.T, path string) {
	f, err := safetensors.Open(path)
	require.NoError(t, err)
	var tensors []checkpoint.Tensor
	for _, name := range f.Names() {
		tensors = append(tensors, checkpoint.FromFloat32s(name, []int{0}, nil))
	}
	require.NoError(t, f.Close())
	out, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, safetensors.Encode(out, tensors, nil))
	require.NoError(t, out.Close())
}

func TestWrongAdaptersAreRefusedWithAReason(t *testing.T) {
	m := load(t, ref.New())
	other := t.TempDir()
	require.NoError(t, tinymodel.Write(other, tinymodel.Config{Hidden: 32, Layers: 2}, 7))
	wide, err := model.Load(other, ref.New())
	require.NoError(t, err)
	s, err := adapter.New(methods["LoRA q, v"], m, 1)
	require.NoError(t, err)
	for _, c := range []struct {
		name  string
		spoil func(dir string)
		on    *model.Model
		want  string
	}{
		{"another base", func(string) {}, wide, "another base"},
		{"another fingerprint", func(dir string) {
			put(t, dir, "fettle.json", `{"base": "some-7b", "base_fingerprint": "123456789abcdef"}`)
		}, m, "trained on another base (some-7b"},
		{"no weights", func(dir string) { os.Remove(filepath.Join(dir, adapter.WeightsFile)) }, m, adapter.WeightsFile},
		{"pickle", func(dir string) {
			os.Rename(filepath.Join(dir, adapter.WeightsFile), filepath.Join(dir, "adapter_model.bin"))
		}, m, "adapter_model.bin"},
		{"truncated", func(dir string) {
			os.Truncate(filepath.Join(dir, adapter.WeightsFile), 4000)
		}, m, adapter.WeightsFile},
		{"another rank", func(dir string) {
			put(t, dir, adapter.ConfigFile, `{"peft_type": "LORA", "r": 3, "lora_alpha": 8}`)
		}, m, "want [3 16] (r or rank_pattern of adapter_config.json is another adapter's?)"},
		{"a shard", func(dir string) {
			shard(t, filepath.Join(dir, adapter.WeightsFile))
		}, m, "a part of a tensor, as DeepSpeed's ZeRO-3 and FSDP have it"},
		{"DoRA", func(dir string) {
			put(t, dir, adapter.ConfigFile, `{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "use_dora": true}`)
		}, m, "use_dora is true: DoRA is not computed here"},
		{"fewer targets", func(dir string) {
			put(t, dir, adapter.ConfigFile, `{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]}`)
		}, m, "v_proj.lora_A.weight has no place"},
		{"more targets", func(dir string) {
			put(t, dir, adapter.ConfigFile, `{
				"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj", "o_proj"]
			}`)
		}, m, "o_proj.lora_A.weight is missing"},
		{"other type", func(dir string) {
			put(t, dir, adapter.ConfigFile, `{"peft_type": "IA3"}`)
		}, m, "peft_type IA3 is not computed here: merge it into its base"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, s.Save(dir))
			c.spoil(dir)
			_, err := adapter.Load(dir, c.on)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestDialectsConvert(t *testing.T) {
	m, dir := load(t, ref.New()), t.TempDir()
	s, err := adapter.New(methods["PEFT's prompts"], m, 1)
	require.NoError(t, err)
	for _, p := range s.Params() {
		if len(p.Data) == 1 {
			p.Data[0] = 0.4
		}
	}
	require.NoError(t, s.Save(dir))
	heads, err := adapter.LoadAs(dir, adapter.LLaMAAdapter{Gate: adapter.PerHead, GateActivation: adapter.Tanh}, m)
	require.NoError(t, err)
	b := batch(9)
	require.NoError(t, s.Refresh())
	want, err := s.Model().Logits(b, []int{8})
	require.NoError(t, err)
	got, err := heads.Model().Logits(b, []int{8})
	require.NoError(t, err)
	require.InDeltaSlice(t, want, got, 1e-5)

	heads.Params()[1].Data[1] = 0.9
	require.NoError(t, heads.Save(dir))
	_, err = adapter.LoadAs(dir, adapter.LLaMAAdapter{Gate: adapter.Scalar, GateActivation: adapter.None}, m)
	require.ErrorContains(t, err, "differ from head to head")
}

// Gates with tanh, without, and for a layer instead of a head: the same function, in files of other names.
func TestConvertedGatesComputeTheSame(t *testing.T) {
	per := func(gate, activation string) adapter.LLaMAAdapter {
		return adapter.LLaMAAdapter{Len: 5, Layers: 2, Gate: gate, GateActivation: activation}
	}
	for name, c := range map[string]struct{ from, to adapter.LLaMAAdapter }{
		"tanh to none":   {per(adapter.PerHead, adapter.Tanh), per(adapter.PerHead, adapter.None)},
		"none to tanh":   {per(adapter.PerHead, adapter.None), per(adapter.PerHead, adapter.Tanh)},
		"scalar to tanh": {per(adapter.Scalar, adapter.None), per(adapter.PerHead, adapter.Tanh)},
		"tanh to scalar": {per(adapter.PerHead, adapter.Tanh), per(adapter.Scalar, adapter.None)},
	} {
		t.Run(name, func(t *testing.T) {
			m, dir := load(t, ref.New()), t.TempDir()
			s, err := adapter.New(c.from, m, 1)
			require.NoError(t, err)
			for _, p := range s.Params() {
				if len(p.Data) < 100 { // gates, alike within a layer
					for i := range p.Data {
						p.Data[i] = 0.8
					}
				}
			}
			require.NoError(t, s.Refresh())
			require.NoError(t, s.Save(dir))
			again, err := adapter.LoadAs(dir, c.to, m)
			require.NoError(t, err)
			require.Equal(t, c.to, again.Method())
			b := batch(9)
			want, err := s.Model().Logits(b, []int{8})
			require.NoError(t, err)
			plain, err := m.Logits(b, []int{8})
			require.NoError(t, err)
			got, err := again.Model().Logits(b, []int{8})
			require.NoError(t, err)
			require.InDeltaSlice(t, want, got, 1e-5)
			require.NotEqual(t, plain, want)
		})
	}
}
