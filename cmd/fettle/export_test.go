package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/checkpoint/gguf"
	"fettle/internal/tinymodel"
	"fettle/model/convert"
)

// certificateOf reads the certificate beside a file.
func certificateOf(t *testing.T, path string) (c convert.Certificate) {
	readJSON(t, strings.TrimSuffix(path, ".gguf")+"."+convert.CertificateFile, &c)
	return c
}

func TestExportedGGUFsComputeAsTheAdapter(t *testing.T) {
	base := tiny(t, tinymodel.Config{Hidden: 64, Intermediate: 96, Tied: true})
	run := trainedAdapter(t, base, "--lora_target", "all-linear")
	dir := t.TempDir()
	for kind, limit := range map[string]float64{"F32": 2e-3, "f16": 2, "Q8_0": 9, "Q4_K_M": 99, "": 2} {
		path := filepath.Join(dir, "model"+kind+".gguf")
		args := []string{"export", "--adapter_name_or_path", run, "--output", path}
		if kind != "" {
			args = append(args, "--quantize", kind)
		}
		said := must(t, args...)
		require.Contains(t, said, "certificate on ")
		c := certificateOf(t, path)
		require.Less(t, c.MaxDifference, limit, kind)
		require.Equal(t, path, c.After)
		require.Contains(t, c.Before, " with "+run)
	}
	require.Equal(t, answerOf(t, "--adapter_name_or_path", run),
		answerOf(t, "--model_name_or_path", filepath.Join(dir, "modelF32.gguf")), "by the chat template in the file")
	f, err := gguf.Open(filepath.Join(dir, "modelQ8_0.gguf"))
	require.NoError(t, err)
	defer f.Close()
	require.Equal(t, "modelQ8 0", f.Metadata["general.name"])
}

func TestAGGUFNamesTheAdaptersInIt(t *testing.T) {
	base, dir := tiny(t, tinymodel.Config{Hidden: 64, Intermediate: 64}), t.TempDir()
	run := trainedAdapter(t, base)
	file, copied := filepath.Join(dir, "a.gguf"), filepath.Join(dir, "b.gguf")
	other := filepath.Join(dir, "mlx")
	must(t, "convert", "--input", run, "--output", other, "--format", "mlx")
	require.NoError(t, os.Remove(filepath.Join(other, adapter.RecordFile)), "as other programs write it")
	must(t, "export", "--adapter_name_or_path", run, "--output", file, "--certificate", "no")
	must(t, "convert", "--input", file, "--output", copied, "--certificate", "no")
	for _, model := range []string{file, copied} {
		code, _, said := call("", "merge", "--model_name_or_path", model, "--adapter_name_or_path", run, "--output_dir",
			filepath.Join(dir, "twice"))
		require.Equal(t, exitUsage, code)
		require.Contains(t, said, "is in the weights of "+model+" already (its record names "+run)

		code, _, said = call("", "merge", "--model_name_or_path", model, "--adapter_name_or_path", other, "--output_dir",
			filepath.Join(dir, "twice"))
		require.Equal(t, exitUsage, code)
		require.Contains(t, said, "adapter "+other+" is in the weights of "+model+" already (its record names "+run)
	}
}

func TestAModelGoesToGGUFAndBack(t *testing.T) {
	base := tiny(t, tinymodel.Config{Hidden: 64, Intermediate: 64})
	dir := t.TempDir()
	file, back, again := filepath.Join(dir, "x.gguf"), filepath.Join(dir, "back"), filepath.Join(dir, "again.gguf")
	must(t, "convert", "--input", base, "--output", file, "--quantize", "F32")
	require.Less(t, certificateOf(t, file).MaxDifference, 1e-5)
	must(t, "convert", "--input", file, "--output", back)
	want, err := os.ReadFile(filepath.Join(base, "model.safetensors"))
	require.NoError(t, err)
	got, err := os.ReadFile(filepath.Join(back, "model.safetensors"))
	require.NoError(t, err)
	require.Equal(t, want, got, "the same bytes")
	must(t, "convert", "--input", back, "--output", again, "--quantize", "F32", "--certificate", "no")
	one, err := gguf.Open(file)
	require.NoError(t, err)
	defer one.Close()
	two, err := gguf.Open(again)
	require.NoError(t, err)
	defer two.Close()
	require.Equal(t, one.ByName, two.ByName)
	require.Equal(t, one.Metadata["tokenizer.ggml.tokens"], two.Metadata["tokenizer.ggml.tokens"])
	raw := func(model string) string {
		return must(t, "generate", "--model", model, "--raw", "--prompt", "ab", "--max_new_tokens", "9", "--temperature", "0")
	}
	require.Equal(t, raw(base), raw(file))
	require.Equal(t, raw(base), raw(back), "with the tokenizer's files")

	quantized := filepath.Join(dir, "q.gguf")
	must(t, "convert", "--input", base, "--output", quantized, "--quantize", "Q8_0", "--certificate", "no")
	out := filepath.Join(dir, "dequantized")
	require.Contains(t, must(t, "convert", "--input", quantized, "--output", out), "is written in float16")
}

func TestAdaptersGoFromFormToForm(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	lora := trainedAdapter(t, base)
	prompts := trainedAdapter(t, base, "--finetuning_type", "llama-adapter")
	dir := t.TempDir()
	for _, c := range []struct{ reason, from, format, name, back string }{
		{"by the output's name", lora, "", "lora.gguf", "peft"}, {"mlx", lora, "mlx", "mlx", "peft"},
		{"litgpt", lora, "litgpt", "litgpt", "peft"}, {"official", prompts, "", "official.pth", "litgpt"},
		{"prompts for litgpt", prompts, "litgpt", "lit", "llama-adapter"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			there, back := filepath.Join(dir, c.name), filepath.Join(dir, "back-"+c.name)
			args := []string{"convert", "--input", c.from, "--output", there}
			if c.format != "" {
				args = append(args, "--format", c.format)
			}
			must(t, args...)
			must(t, "convert", "--input", there, "--model", base, "--output", back, "--format", c.back)
			require.Equal(t, answerOf(t, "--adapter_name_or_path", c.from, "--recipe", "alpaca-lora-short"),
				answerOf(t, "--adapter_name_or_path", back, "--model", base, "--recipe", "alpaca-lora-short"))
			if c.back != "llama-adapter" { // a file of tensors alone
				named, err := adapter.ReadBase(back)
				require.NoError(t, err)
				require.Equal(t, base, named, "also where the form between has no place for it")
			}
		})
	}
}

func TestAnExportedAdapterReplacesAnotherWhole(t *testing.T) {
	lora := trainedAdapter(t, tiny(t, tinymodel.Config{}))
	out := filepath.Join(t.TempDir(), "out")
	for _, form := range []string{"peft", "mlx", "litgpt", "litgpt", "peft"} {
		must(t, "convert", "--input", lora, "--format", form, "--output", out, "--force")
		require.Equal(t, form, string(adapter.FormOf(out)), "and not that of the files before")
	}
	entries, err := os.ReadDir(filepath.Dir(out))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing temporary is left")
}

func TestWrongExportsAreExplained(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	lora := trainedAdapter(t, base)
	prompts := trainedAdapter(t, base, "--finetuning_type", "llama-adapter")
	out := filepath.Join(t.TempDir(), "out")
	for _, c := range []struct {
		want string
		args []string
	}{
		{`unknown format "ggml"`, []string{"export", "--model", base, "--format", "ggml"}},
		{`no quantization "Q4_K_X", want F32`, []string{"export", "--model", base, "--format", "gguf", "--quantize",
			"Q4_K_X"}},
		{"want a file's name that ends in .gguf", []string{"export", "--model", base, "--format", "gguf"}},
		{"quantize Q8_0 cannot act in format safetensors", []string{"export", "--model", base, "--quantize", "Q8_0"}},
		{"dtype float16 cannot act in format ollama", []string{"export", "--model", base, "--dtype", "float16", "--format",
			"ollama"}},
		{"a LLaMA-Adapter cannot be merged", []string{"export", "--adapter", prompts, "--format", "ollama"}},
		{"takes one adapter", []string{"export", "--model", base, "--format", "peft"}},
		{"the input is an adapter, and format gguf is a model's", []string{"convert", "--input", lora, "--format", "gguf"}},
		{"the input is a model, and format peft is an adapter's", []string{"convert", "--input", base, "--format", "peft"}},
		{"model_name_or_path x cannot act: the input is a model", []string{"convert", "--input", base, "--model", "x"}},
		{"max_shard_size 1MB cannot act in format gguf", []string{"convert", "--input", base, "--format", "gguf",
			"--max_shard_size", "1MB"}},
		{"base_quantization int8 cannot act in format mlx", []string{"export", "--adapter", lora, "--format", "mlx",
			"--base_quantization", "int8"}},
		{"certificate_data x cannot act in format mlx", []string{"convert", "--input", lora, "--format", "mlx",
			"--certificate_data", "x"}},
		{"input is missing", []string{"convert"}},
		{"input nowhere: there is no such", []string{"convert", "--input", "nowhere"}},
	} {
		code, _, stderr := call("", append(c.args, "--output", out)...)
		require.NotZero(t, code, c.want)
		require.Contains(t, stderr, c.want)
		require.NoDirExists(t, out)
		require.NoFileExists(t, out)
	}
}

func TestOutputsDestroyNothing(t *testing.T) {
	base, dir := tiny(t, tinymodel.Config{}), t.TempDir()
	precious := filepath.Join(dir, "precious")
	require.NoError(t, os.MkdirAll(precious, 0o755))
	thesis := filepath.Join(precious, "thesis.tex")
	require.NoError(t, os.WriteFile(thesis, []byte("x"), 0o644))
	convert := func(out string, more ...string) (int, string) {
		code, _, stderr := call("", append([]string{"convert", "--input", base, "--output", out, "--force"}, more...)...)
		return code, stderr
	}
	code, stderr := convert(precious)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "holds thesis.tex, which is no part of a model and would be lost")
	require.FileExists(t, thesis)

	code, stderr = convert(precious, "--format", "gguf")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "want a file's name that ends in .gguf")
	code, stderr = convert(thesis)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "is a file, and a directory is written")
	code, stderr = convert(filepath.Join(dir, "new.pth"))
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "reads like a file's name, and a directory is written: give a name without .pth")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "d.gguf"), 0o755))
	code, stderr = convert(filepath.Join(dir, "d.gguf"))
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "is a directory, and one file is written")
	code, stderr = convert(filepath.Join(dir, "new"), "--certificate_data", "nowhere.txt")
	require.Equal(t, exitMissing, code)
	require.Contains(t, stderr, "certificate_data nowhere.txt: there is no such file")
	require.NoDirExists(t, filepath.Join(dir, "new"), "said before anything is written")

	deep := filepath.Join(dir, "a", "b", "c.gguf")
	code, stderr = convert(deep, "--certificate", "no")
	require.Zero(t, code, stderr)
	require.FileExists(t, deep)
}

func TestATokenizerThatChangesIsNamed(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	out := filepath.Join(t.TempDir(), "out.gguf")
	require.NotContains(t, must(t, "convert", "--input", base, "--output", out, "--certificate", "no"), "tokenizer")

	name := filepath.Join(base, "tokenizer.model")
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	kept := []byte{0x20, 0} // remove_extra_whitespaces: false, in normalizer_spec
	at := bytes.LastIndex(text, kept)
	require.Positive(t, at)
	text[at+1] = 1
	require.NoError(t, os.WriteFile(name, text, 0o644))
	require.Contains(t, must(t, "convert", "--input", base, "--output", out, "--certificate", "no", "--force"),
		`The tokenizer cannot be written as it is: "a  b" has`)
}

func TestOllamaGetsTheTemplateOfTheRecipe(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	require.NoError(t, os.WriteFile(filepath.Join(base, "generation_config.json"),
		[]byte(`{"do_sample": true, "temperature": 0.6, "top_p": 0.9, "top_k": 50, "eos_token_id": 2}`), 0o644))
	run := trainedAdapter(t, base)
	out := filepath.Join(t.TempDir(), "ollama")
	must(t, "export", "--adapter_name_or_path", run, "--format", "ollama", "--output", out)
	text, err := os.ReadFile(filepath.Join(out, "Modelfile"))
	require.NoError(t, err)
	require.Equal(t, `FROM ./model.gguf

TEMPLATE """### Instruction:
{{ if .System }}{{ .System }}

{{ end }}{{ .Prompt }}

### Response:
{{ .Response }}"""

PARAMETER stop "</s>"
PARAMETER temperature 0.6
PARAMETER top_p 0.9
PARAMETER top_k 50
`, string(text))
	require.FileExists(t, filepath.Join(out, convert.CertificateFile))
	f, err := gguf.Open(filepath.Join(out, "model.gguf"))
	require.NoError(t, err)
	defer f.Close()
	template, _ := f.Metadata.Text("tokenizer.chat_template")
	require.Contains(t, template, `{{ '### Instruction:\n' + (messages[0]['content'] + '\n\n' if`)
	require.Contains(t, template, `message['content'] + '\n\n### Response:\n'`)
}
