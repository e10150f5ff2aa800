package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/checkpoint"
	"fettle/internal/tinymodel"
	"fettle/model/convert"
)

// trainedAdapter trains an adapter for a base in a few steps.
func trainedAdapter(t testing.TB, base string, more ...string) string {
	out := filepath.Join(t.TempDir(), "run")
	must(t, training(base, rows(t, 14), out, append(more, "--learning_rate", "0.05")...)...)
	return out
}

// roundingOfLogits bounds differences of float32 logits after large steps of training, whose last bits differ from
// processor to processor.
const roundingOfLogits = 5e-4

// readCertificate reads the certificate in a directory.
func readCertificate(t *testing.T, dir string) (c convert.Certificate) {
	readJSON(t, filepath.Join(dir, convert.CertificateFile), &c)
	return c
}

func answerOf(t testing.TB, flags ...string) string {
	return must(t, append([]string{"generate", "--prompt", "say a", "--max_new_tokens", "12", "--temperature", "0"},
		flags...)...)
}

func TestMergedModelsAnswerAsTheirAdapter(t *testing.T) {
	for name, c := range map[string]tinymodel.Config{
		"one file": {}, "tied": {Tied: true}, "shards": {Shards: 3, Extra: map[string]any{"pretraining_tp": 1, "mine": "é"}},
	} {
		t.Run(name, func(t *testing.T) {
			base := tiny(t, c)
			run := trainedAdapter(t, base, "--lora_target", "all-linear")
			out := filepath.Join(t.TempDir(), "merged")
			said := must(t, "merge", "--adapter_name_or_path", run, "--output_dir", out)
			require.Contains(t, said, "fettle chat --model_name_or_path "+out)
			certificate := readCertificate(t, out)
			require.Less(t, certificate.MaxDifference, 2e-4, "float32 noise of logits up to 16")
			require.Equal(t, 1.0, certificate.Top1)
			require.Equal(t, answerOf(t, "--adapter_name_or_path", run), answerOf(t, "--model_name_or_path", out),
				"the recipe is recorded, too")

			for _, same := range []string{"config.json", "tokenizer.model"} {
				want, err := os.ReadFile(filepath.Join(base, same))
				require.NoError(t, err)
				got, err := os.ReadFile(filepath.Join(out, same))
				require.NoError(t, err)
				require.Equal(t, string(want), string(got))
			}
			if c.Shards == 0 {
				return
			}
			var was, is struct {
				Metadata map[string]int    `json:"metadata"`
				Map      map[string]string `json:"weight_map"`
			}
			readJSON(t, filepath.Join(base, "model.safetensors.index.json"), &was)
			readJSON(t, filepath.Join(out, "model.safetensors.index.json"), &is)
			require.Equal(t, was.Map, is.Map)
			files, err := filepath.Glob(filepath.Join(out, "*.safetensors"))
			require.NoError(t, err)
			require.Len(t, files, 3)
			require.Equal(t, parameters(t, out)*4, is.Metadata["total_size"])
		})
	}
}

func TestMergedTypesAreAsStoredOrAsked(t *testing.T) {
	base := tiny(t, tinymodel.Config{DType: checkpoint.BF16})
	run := trainedAdapter(t, base)
	dir := t.TempDir()
	for dtype, limit := range map[string]float64{"auto": 2, "bf16": 2, "float16": 0.2, "torch.float32": 1e-4} {
		out := filepath.Join(dir, dtype)
		must(t, "merge", "--adapter_name_or_path", run, "--output_dir", out, "--dtype", dtype)
		require.Less(t, readCertificate(t, out).MaxDifference, limit, dtype)
		var config map[string]any
		readJSON(t, filepath.Join(out, "config.json"), &config)
		require.Equal(t, map[string]any{"auto": "bfloat16", "bf16": "bfloat16", "float16": "float16",
			"torch.float32": "float32"}[dtype], config["torch_dtype"])
		require.Equal(t, map[string]int64{"auto": 2, "bf16": 2, "float16": 2, "torch.float32": 4}[dtype],
			bytesAt(filepath.Join(out, "model.safetensors"))/int64(parameters(t, out)))
	}
}

func TestAdaptersAreMergedOnceAndIntoTheirBase(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	run, out := trainedAdapter(t, base), filepath.Join(t.TempDir(), "merged")
	must(t, "merge", "--adapter_name_or_path", run, "--output_dir", out, "--certificate", "no")
	fails := func(code int, want string, args ...string) {
		got, _, stderr := call("", append([]string{"merge"}, args...)...)
		require.Contains(t, stderr, want)
		require.Equal(t, code, got)
	}
	again := filepath.Join(t.TempDir(), "again")
	fails(exitUsage, "is in the weights of "+out+" already", "--model_name_or_path", out, "--adapter_name_or_path", run,
		"--output_dir", again)
	other := tiny(t, tinymodel.Config{Tied: true})
	fails(exitData, "trained on another base", "--model_name_or_path", other, "--adapter_name_or_path", run,
		"--output_dir", again)
	require.NoError(t, os.Remove(filepath.Join(out, adapter.RecordFile)))
	fails(exitData, "--allow_other_base merges it anyway", "--model_name_or_path", out, "--adapter_name_or_path", run,
		"--output_dir", again)
	require.NoDirExists(t, again)
	must(t, "merge", "--model_name_or_path", out, "--adapter_name_or_path", run, "--output_dir", again,
		"--allow_other_base")
	require.Less(t, readCertificate(t, again).MaxDifference, roundingOfLogits)
	fails(exitUsage, "output_dir "+out+" exists; --force", "--adapter_name_or_path", run, "--output_dir", out)
	fails(exitUsage, "is, or holds, the input "+base, "--adapter_name_or_path", run, "--output_dir", base, "--force")
	must(t, "merge", "--adapter_name_or_path", run, "--output_dir", out, "--force")
	entries, err := os.ReadDir(filepath.Dir(out))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing temporary is left")
	again += "-and-again"
	fails(exitUsage, "want one for each adapter, 1", "--adapter_name_or_path", run, "--output_dir", again,
		"--adapter_weights", "1,2")
	fails(exitUsage, "adapter_name_or_path is missing", "--model_name_or_path", base, "--output_dir", again)
	fails(exitUsage, `dtype is "int3", want float32, bfloat16, float16, or auto`, "--adapter_name_or_path", run,
		"--output_dir", again, "--dtype", "int3")

	prompts := trainedAdapter(t, base, "--finetuning_type", "llama-adapter")
	fails(exitUsage, "a LLaMA-Adapter cannot be merged", "--adapter_name_or_path", prompts, "--output_dir", again)
}

func TestSeveralAdaptersAreMergedWithWeights(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	one, two := trainedAdapter(t, base), trainedAdapter(t, base, "--lora_target", "q_proj,up_proj", "--seed", "5")
	out := filepath.Join(t.TempDir(), "merged")
	must(t, "merge", "--adapter_name_or_path", one+","+two, "--adapter_weights", "1,-0.5", "--output_dir", out)
	require.Less(t, readCertificate(t, out).MaxDifference, roundingOfLogits)
	var record adapter.Record
	readJSON(t, filepath.Join(out, adapter.RecordFile), &record)
	require.Len(t, record.Merged, 2)
	require.Equal(t, -0.5, record.Merged[1].Weight)
	require.True(t, record.IsModel())

	again := filepath.Join(t.TempDir(), "again")
	other := filepath.Join(t.TempDir(), "lora.gguf")
	must(t, "convert", "--input", one, "--output", other)
	for _, twice := range []string{one + ":0.5", other} {
		code, _, stderr := call("", "merge", "--adapter_name_or_path", one+","+two+","+twice, "--output_dir", again)
		require.Equal(t, exitUsage, code)
		require.Contains(t, stderr, "adapter_name_or_path names one adapter twice")
	}
}

func TestNewTokensAreMergedWithTheirTokenizer(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	run := trainedAdapter(t, base, "--modules_to_save", "lm_head,norm")
	out := filepath.Join(t.TempDir(), "merged")
	must(t, "merge", "--adapter_name_or_path", run, "--output_dir", out)
	require.Less(t, readCertificate(t, out).MaxDifference, roundingOfLogits)
	require.Equal(t, answerOf(t, "--adapter_name_or_path", run), answerOf(t, "--model_name_or_path", out))
}

// parameters counts the weights of a model.
func parameters(t testing.TB, dir string) int {
	m, err := loadModel(dir, "f32", "none")
	require.NoError(t, err)
	return m.Config().Parameters()
}

func TestModelsWithoutATokenizerAreMergedAndCompared(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	run := trainedAdapter(t, base)
	for _, dir := range []string{base, run} {
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "tokenizer.model")))
	}
	settings := []byte(`{"top_k": 7}`)
	require.NoError(t, os.WriteFile(filepath.Join(base, "generation_config.json"), settings, 0o644))
	out := filepath.Join(t.TempDir(), "merged")
	must(t, "merge", "--model_name_or_path", base, "--adapter_name_or_path", run, "--output_dir", out)
	certificate := readCertificate(t, out)
	require.Equal(t, "random tokens", certificate.Text)
	require.Greater(t, certificate.Tokens, 900)
	require.Less(t, certificate.MaxDifference, roundingOfLogits)
	kept, err := os.ReadFile(filepath.Join(out, "generation_config.json"))
	require.NoError(t, err)
	require.Equal(t, settings, kept)
	code, _, stderr := call("", "merge", "--model_name_or_path", out, "--adapter_name_or_path", run, "--output_dir",
		filepath.Join(t.TempDir(), "twice"))
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "is in the weights of")
}
