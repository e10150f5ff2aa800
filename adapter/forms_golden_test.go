package adapter_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/gguf"
	"fettle/internal/checkpoint/pth"
	"fettle/model"
)

// shared returns a path below the folder of material that FETTLE_DATA names, and skips the test where it is absent.
func shared(t *testing.T, path ...string) string {
	root := os.Getenv("FETTLE_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "shared")
	}
	full := filepath.Join(append([]string{root}, path...)...)
	if _, err := os.Stat(full); err != nil {
		t.Skip("reference material not found; set FETTLE_DATA")
	}
	return full
}

func TestLlamaCppsLoRAComputesAtBothScales(t *testing.T) {
	dir := shared(t, "golden", "gguf")
	var want struct {
		Runs []struct {
			Scale  float64
			IDs    []int32
			Logits []float64 `json:"logits_f64"`
		}
	}
	golden(t, &want, dir, "tiny.lora.json")
	require.NotEmpty(t, want.Runs)
	base, err := model.Load(filepath.Join(dir, "tiny"), fast(t, 1))
	require.NoError(t, err)
	for _, name := range []string{"tiny.lora.gguf", "tiny_lora"} {
		for _, run := range want.Runs {
			path := filepath.Join(dir, name)
			if run.Scale != 1 {
				path = fmt.Sprintf("%s:%v", path, run.Scale)
			}
			set, err := adapter.Load(path, base)
			require.NoError(t, err)
			got, err := set.Model().Logits(model.Pack([][]int32{run.IDs}, nil), []int{len(run.IDs) - 1})
			require.NoError(t, err)
			require.InDeltaSlice(t, run.Logits, got, 3e-5, "%s %v", name, run.Scale)
		}
	}
}

func TestAWrittenGGUFLoRAEqualsLlamaCpps(t *testing.T) {
	dir := shared(t, "golden", "gguf")
	base := filepath.Join(dir, "tiny")
	c, err := model.ReadConfig(base)
	require.NoError(t, err)
	out := filepath.Join(t.TempDir(), "x.gguf")
	o := adapter.Output{Form: adapter.GGUFLoRA, Name: "Tiny_Lora"}
	require.NoError(t, adapter.Export(filepath.Join(dir, "tiny_lora"), c, out, o))
	want, err := os.ReadFile(filepath.Join(dir, "tiny.lora.gguf"))
	require.NoError(t, err)
	got, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, sha256.Sum256(want), sha256.Sum256(got))
}

// The expected hashes are Ollama's, of float16. It permutes the rows of q and k, which are in A's columns and B's rows
// here, in A instead of B: no product of such factors is the permuted weight's change. So its hashes are right for v
// and, before the permutation, for B of q.
func TestARealAdapterOfMLXHasTheExpectedFactors(t *testing.T) {
	dir := shared(t, "data", "adapters", "mlx_llama3_discollama")
	var want map[string]string
	golden(t, &want, dir, "discollama.expected.json")
	c := &model.Config{
		Type: "llama", Hidden: 4096, Intermediate: 14336, Layers: 32, Heads: 32, KVHeads: 8, HeadDim: 128, Vocab: 128256,
		MaxPositions: 8192, NormEps: 1e-5, RopeTheta: 5e5,
	}
	out := filepath.Join(t.TempDir(), "x.gguf")
	require.NoError(t, adapter.Export(dir, c, out, adapter.Output{Form: adapter.GGUFLoRA, Type: checkpoint.F16}))
	f, err := gguf.Open(out)
	require.NoError(t, err)
	defer f.Close()
	require.Equal(t, 16.0, f.Metadata["adapter.lora.alpha"])
	require.Len(t, f.Names(), 8)
	hash := func(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }
	for _, name := range f.Names() {
		tensor, _ := f.Tensor(name)
		width := 2 * tensor.Shape[1]
		switch filepath.Ext(name) + name[7:13] {
		case ".lora_aattn_v", ".lora_battn_v":
			require.Equal(t, want[name], hash(tensor.Data), name)
		case ".lora_battn_q":
			var plain []byte
			for row := range tensor.Shape[0] {
				head, i := row/128*128, row%128
				from := head + i%64*2 + i/64
				plain = append(plain, tensor.Data[from*width:][:width]...)
			}
			require.Equal(t, want[name], hash(plain), name)
			require.NotEqual(t, want[name], hash(tensor.Data), name)
		}
	}
}

func TestOfficialFilesComputeAndAreWrittenAgain(t *testing.T) {
	for _, name := range []string{"stories260K", "babyllama_tok361"} {
		dir := shared(t, "golden", "training", name)
		base, err := model.Load(filepath.Join(dir, "base"), fast(t, 1))
		require.NoError(t, err)
		for _, when := range []string{"init", "final"} {
			path := filepath.Join(dir, "e_llama_adapter_official", when, "adapter_official.pth")
			set, err := adapter.Load(path, base)
			require.NoError(t, err)
			a := set.Method().(adapter.LLaMAAdapter)
			require.Equal(t, adapter.LLaMAAdapter{Len: 10, Layers: 4, Gate: "per_head", GateActivation: "tanh"}, a)

			top := t.TempDir()
			back := filepath.Join(top, "back.pth")
			require.NoError(t, set.Export(back, adapter.Output{Form: adapter.Official}))
			want, err := pth.Open(path)
			require.NoError(t, err)
			got, err := pth.Open(back)
			require.NoError(t, err)
			require.Equal(t, want.Names(), got.Names())
			for _, name := range want.Names() {
				x, _ := want.Tensor(name)
				y, _ := got.Tensor(name)
				require.Equal(t, x, y)
			}

			logits := func(set *adapter.Set) []float32 {
				out, err := set.Model().Logits(model.Pack([][]int32{{1, 5, 9, 20}}, nil), []int{3})
				require.NoError(t, err)
				return out
			}
			lit := filepath.Join(top, "lit")
			require.NoError(t, adapter.Export(path, base.Config(), lit, adapter.Output{Form: adapter.LitGPT}))
			again, err := adapter.Load(lit, base)
			require.NoError(t, err)
			require.Equal(t, logits(set), logits(again), "tanh applied when written or when read gives the same bits")

			err = set.Export(filepath.Join(top, "peft"), adapter.Output{Form: adapter.PEFT})
			if when == "init" {
				require.NoError(t, err)
				again, err := adapter.Load(filepath.Join(top, "peft"), base)
				require.NoError(t, err)
				require.Equal(t, logits(set), logits(again))
			} else {
				require.ErrorContains(t, err, "differ from head to head")
			}
		}
		peft := filepath.Join(dir, "f_peft_adaption_prompt", "final")
		set, err := adapter.Load(peft, base)
		require.NoError(t, err)
		for _, form := range []adapter.Form{adapter.Official, adapter.LitGPT} {
			out := filepath.Join(t.TempDir(), "x")
			require.NoError(t, adapter.Export(peft, base.Config(), out, adapter.Output{Form: form}))
			again, err := adapter.Load(out, base)
			require.NoError(t, err)
			for layer, gates := range set.Gates() {
				require.InDeltaSlice(t, gates, again.Gates()[layer], 1e-7)
			}
			require.NoError(t, again.Export(out+"2", adapter.Output{Form: adapter.PEFT}))
		}
	}
}
