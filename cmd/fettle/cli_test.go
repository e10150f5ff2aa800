package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/tinymodel"
)

// execute runs the program under the name fettle.
func execute(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return run("fettle", args, stdin, stdout, stderr)
}

// call runs the program.
func call(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = execute(args, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

// must runs the program, which must succeed, and returns what it printed.
func must(t testing.TB, args ...string) string {
	code, stdout, stderr := call("", args...)
	require.Zero(t, code, "%s\n%s", stdout, stderr)
	return stdout
}

// tiny writes a model with a tokenizer.
func tiny(t testing.TB, c tinymodel.Config) string {
	dir := t.TempDir()
	if c.Vocab == 0 {
		c.Vocab = tinymodel.TokenizerSize
	}
	if c.MaxPositions == 0 {
		c.MaxPositions = 512
	}
	require.NoError(t, tinymodel.Write(dir, c, 7))
	require.NoError(t, tinymodel.WriteTokenizer(dir))
	return dir
}

// rows writes an Alpaca data set of n short records.
func rows(t testing.TB, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"instruction": "say %c", "input": "", "output": "%c%c"}`+"\n", 'a'+i%26, 'a'+i%26, 'a'+i%26)
	}
	return file(t, "rows.json", b.String())
}

func file(t testing.TB, name, text string) string {
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

// training are the flags of a short run.
func training(base, set, out string, more ...string) []string {
	return append([]string{
		"train", "--model_name_or_path", base, "--dataset", set, "--output_dir", out, "--recipe", "alpaca-lora-short",
		"--num_train_epochs", "2", "--val_size", "2", "--per_device_train_batch_size", "3", "--learning-rate", "1e-2",
	}, more...)
}

func TestTrainedAdaptersAnswer(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 14)
	for _, method := range [][]string{{"--finetuning_type", "lora"}, {"--finetuning_type", "llama-adapter"},
		{"--finetuning_type", "full"}} {
		t.Run(method[1], func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "run")
			said := must(t, training(base, set, out, method...)...)
			require.Contains(t, said, "Held-out loss: ")
			require.Contains(t, said, "fettle chat --")
			flag := "--adapter_name_or_path"
			if method[1] == "full" {
				flag = "--model_name_or_path"
			}
			answer := must(t, "generate", flag, out, "--prompt", "say a", "--max_new_tokens", "5", "--temperature", "0",
				"--verbose")
			require.NotEmpty(t, answer)
			code, chat, _ := call("say a\n\n/help\n/quit\n", "chat", flag, out, "--max_new_tokens", "5",
				"--temperature", "0")
			require.Zero(t, code)
			require.Contains(t, chat, strings.TrimSuffix(answer, "\n"), "chat answers as generate does")
		})
	}
}

// tinyBytes writes a model with a tokenizer.json as LLaMA 3's.
func tinyBytes(t testing.TB) string {
	dir := t.TempDir()
	require.NoError(t, tinymodel.Write(dir, tinymodel.Config{
		Vocab: tinymodel.ByteLevelSize, MaxPositions: 512,
		Extra: map[string]any{"bos_token_id": tinymodel.ByteLevelBOS,
			"eos_token_id": []int{tinymodel.ByteLevelEOS, tinymodel.ByteLevelEOT}},
	}, 7))
	require.NoError(t, tinymodel.WriteByteLevelTokenizer(dir))
	return dir
}

func TestTrainedAdaptersAnswerWithByteLevelTokenizer(t *testing.T) {
	base, set := tinyBytes(t), rows(t, 8)
	for method, flag := range map[string]string{"lora": "--adapter_name_or_path", "full": "--model_name_or_path"} {
		out := filepath.Join(t.TempDir(), "run")
		must(t, training(base, set, out, "--finetuning_type", method)...)
		answer := must(t, "generate", flag, out, "--prompt", "say a", "--max_new_tokens", "5", "--temperature", "0")
		require.NotEmpty(t, answer, method)
	}
	shown := must(t, "inspect", "--model_name_or_path", base, "--dataset", set, "--recipe", "alpaca-lora-short",
		"--samples", "1")
	require.Contains(t, shown, "### Response:\naa<|eot_id|>⟧")
}

func TestMissingTokenizerErrorListsTheFiles(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 8)
	require.NoError(t, os.Remove(filepath.Join(base, "tokenizer.model")))
	code, _, stderr := call("", training(base, set, filepath.Join(t.TempDir(), "run"))...)
	require.NotZero(t, code)
	require.Contains(t, stderr, "neither tokenizer.model (SentencePiece's or tiktoken's) nor tokenizer.json in "+base)
}

func TestSameSeedSameText(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	say := func(more ...string) string {
		return must(t, append([]string{"generate", "--model_name_or_path", base, "--raw", "--prompt", "ab",
			"--max_new_tokens", "30", "--temperature", "1.5"}, more...)...)
	}
	require.Equal(t, say("--seed", "3"), say("--seed", "3"))
	require.NotEqual(t, say("--seed", "3"), say("--seed", "4"))
}

func TestGenerateEqualsPublishedText(t *testing.T) {
	root := sharedData(t)
	want, err := os.ReadFile(filepath.Join(root, "golden", "stories260K_greedy200.txt"))
	require.NoError(t, err)
	got := must(t, "generate", "--model_name_or_path", filepath.Join(root, "data/weights/stories260K/hf"), "--raw",
		"--prompt", "", "--max_new_tokens", "200", "--temperature", "0")
	require.Equal(t, string(want), got)
}

func TestWrongInputIsExplained(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 8)
	trained := filepath.Join(t.TempDir(), "run")
	must(t, training(base, set, trained)...)
	other := tiny(t, tinymodel.Config{Hidden: 32})
	cut := tiny(t, tinymodel.Config{})
	require.NoError(t, os.Truncate(filepath.Join(cut, "model.safetensors"), 9000))
	wrong := tiny(t, tinymodel.Config{Extra: map[string]any{"intermediate_size": 25}})
	long := fmt.Sprintf(`{"instruction": %q, "output": "x"}`, strings.Repeat("long ", 200))
	out := func() string { return filepath.Join(t.TempDir(), "run") }
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"unknown command", []string{"trian"}, exitUsage, `unknown command "trian", did you mean "train"`},
		{"unknown flag", []string{"train", "--lerning_rate", "1"}, exitUsage, `did you mean "--learning_rate"`},
		{"stray argument", training(base, set, out(), "stray"), exitUsage, `unexpected argument "stray"`},
		{"unknown key", training(base, set, out(), "--config", file(t, "c.yaml", "lerning_rate: 1e-4\n")), exitUsage,
			`unknown key "lerning_rate", did you mean "learning_rate"`},
		{"broken YAML", training(base, set, out(), "--config", file(t, "c.yaml", "a: [1\n")), exitUsage, "c.yaml"},
		{"no such config", training(base, set, out(), "--config", "alpaca-lora-8b"), exitMissing, "alpaca-lora-7b"},
		{"text for a number", training(base, set, out(), "--config", file(t, "c.yaml", "lora_rank: many\n")), exitUsage,
			"lora_rank"},
		{"half a step", training(base, set, out(), "--config", file(t, "c.yaml", "max_steps: 1.5\n")), exitUsage,
			"1.5 is not a whole number"},
		{"no data", []string{"train", "--model_name_or_path", base}, exitUsage, "dataset is missing"},
		{"wrong value", training(base, set, out(), "--lr_scheduler_type", "cosin"), exitUsage,
			`lr_scheduler_type is "cosin"`},
		{"unknown recipe", training(base, set, out(), "--recipe", "alpacca"), exitUsage, `did you mean "alpaca"`},
		{"unknown target", training(base, set, out(), "--lora_target_modules", "query"), exitUsage,
			`"query" is not a module`},
		{"missing data", training(base, "none.json", out()), exitMissing, "none.json"},
		{"missing base", training("none", set, out()), exitMissing, "none"},
		{"broken JSON", training(base, file(t, "b.json",
			"{\"instruction\": \"a\", \"output\": \"b\"}\n{\"instruction\" 5}"), out()), exitData,
			"b.json:2: broken JSON"},
		{"no output", training(base, file(t, "b.json", "\n{\"instruction\": \"a\"}"), out()), exitData,
			`b.json:2: no "output"`},
		{"empty data", training(base, file(t, "e.json", "[]"), out()), exitData, "the data set is empty"},
		{"all masked", training(base, file(t, "m.json", long), out(), "--train_on", "assistant", "--max_seq_length",
			"64"), exitData, "no record has a learned token"},
		{"too long for the base", training(base, set, out(), "--max_seq_length", "4096"), exitUsage,
			"want at most 512, the positions of the base"},
		{"truncated weights", training(cut, set, out()), exitData, "model.safetensors"},
		{"wrong shapes", training(wrong, set, out()), exitData, "shape [24 16], want [25 16]"},
		{"adapter for another base", []string{"generate", "--model_name_or_path", other, "--adapter_name_or_path",
			trained, "--prompt", "a"}, exitData, "trained on another base"},
		{"missing adapter", []string{"generate", "--model_name_or_path", base, "--adapter_name_or_path", "none",
			"--recipe", "alpaca", "--prompt", "a"}, exitMissing, "none"},
		{"unknown prompt", []string{"generate", "--model_name_or_path", base, "--prompt", "a"}, exitUsage,
			"pass --recipe"},
		{"wrong temperature", []string{"generate", "--model_name_or_path", base, "--raw", "--temperature", "-1"},
			exitUsage, "temperature is -1"},
		{"another run's directory", training(base, set, trained, "--learning_rate", "3"), exitRefused,
			"learning_rate was 0.01, is 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, stderr := call("", c.args...)
			require.Equal(t, c.code, code, stderr)
			require.Contains(t, stderr, c.want)
			require.NotContains(t, stderr, "goroutine")
		})
	}
}

func TestSettingsComeFromFlagsEnvironmentAndFiles(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 8)
	config := file(t, "c.json",
		`{"learning_rate": 1e-4, "lora_r": 2, "lora-alpha": 3, "lora_target": "all-linear", "seed": null}`)
	t.Setenv("FETTLE_LORA_RANK", "3")
	t.Setenv("FETTLE_WEIGHT_DECAY", "0.5")
	out := filepath.Join(t.TempDir(), "run")
	must(t, "train", "--base_model", base, "--data", set, "--output-dir", out, "--config", config, "--weight_decay",
		"0.25", "--max_steps", "1", "--recipe", "alpaca-lora-short")
	text, err := os.ReadFile(filepath.Join(out, "config.yaml"))
	require.NoError(t, err)
	for _, want := range []string{"learning_rate: 0.0001\n", "lora_rank: 3\n", "lora_alpha: 3\n",
		"weight_decay: 0.25\n", "- all-linear\n", "seed: 42\n"} {
		require.Contains(t, string(text), want)
	}
	again := filepath.Join(t.TempDir(), "run")
	must(t, "train", "--config", filepath.Join(out, "config.yaml"), "--output_dir", again)
	a, err := os.ReadFile(filepath.Join(out, "adapter_model.safetensors"))
	require.NoError(t, err)
	b, err := os.ReadFile(filepath.Join(again, "adapter_model.safetensors"))
	require.NoError(t, err)
	require.Equal(t, a, b, "a run's own config.yaml repeats it")
}

func TestARunContinuesFromItsOwnConfig(t *testing.T) {
	base, set, out := tiny(t, tinymodel.Config{}), rows(t, 14), filepath.Join(t.TempDir(), "run")
	must(t, training(base, set, out, "--save_steps", "2")...)
	whole := outcome(t, out)
	saved, err := filepath.Glob(filepath.Join(out, "checkpoint-*"))
	require.NoError(t, err)
	require.Greater(t, len(saved), 1)
	for _, name := range append(saved[1:], filepath.Join(out, adapter.WeightsFile)) { // as if it had been stopped
		require.NoError(t, os.RemoveAll(name))
	}
	code, _, stderr := call("", "train", "--config", filepath.Join(out, "config.yaml"))
	require.Zero(t, code, stderr)
	require.Contains(t, stderr, "continuing from "+saved[0])
	require.Equal(t, whole, outcome(t, out))
}

func TestInspectMarksLearnedSpans(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 8)
	said := must(t, "inspect", "--model_name_or_path", base, "--dataset", set, "--recipe", "alpaca", "--samples", "1")
	require.Contains(t, said, "<s>Below is an instruction")
	require.Contains(t, said, "### Response:⟦aa</s>⟧")
	require.Contains(t, said, "8 examples")
	said = must(t, "inspect", "--model_name_or_path", base, "--dataset", set, "--recipe", "alpaca-lora", "--samples",
		"1", "--json")
	require.Contains(t, said, `"labels":[1,`)
}

func TestVersion(t *testing.T) {
	require.Contains(t, must(t, "version"), "fettle "+version)
	require.Contains(t, must(t, "--help"), "75 stopped")
}

func TestTrainOverAQuantizedBase(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 14)
	for _, kind := range []string{"int8", "nf4"} {
		out := filepath.Join(t.TempDir(), "run")
		must(t, training(base, set, out, "--quantization", kind)...)
		record, err := os.ReadFile(filepath.Join(out, "fettle.json"))
		require.NoError(t, err)
		require.Contains(t, string(record), `"quantization": "`+kind+`"`)
		ask := func(more ...string) string {
			return must(t, append([]string{"generate", "--adapter_name_or_path", out, "--prompt", "say a",
				"--max_new_tokens", "9", "--temperature", "0"}, more...)...)
		}
		require.Equal(t, ask("--quantization", kind), ask(), "the adapter's record of its base is used")
		ask("--quantization", "none")
	}
	code, _, stderr := call("", training(base, set, filepath.Join(t.TempDir(), "run"), "--finetuning_type", "full",
		"--quantization", "nf4")...)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "tuned weights cannot be quantized")
}

func TestTheEnvironmentIsChecked(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	for _, name := range otherVariables() {
		t.Setenv(name, "")
	}
	t.Setenv("FETTLE_TOP_P", "0.9") // generate's, not train's
	t.Setenv("FETTLE_DATA", t.TempDir())
	code, _, stderr := call("", "train", "--model_name_or_path", base)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "dataset is missing", "FETTLE_DATA is the tests', though data is an alias of dataset")
	t.Setenv("FETTLE_LORA_R", "many")
	code, _, stderr = call("", "train", "--model_name_or_path", base)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, `environment: FETTLE_LORA_R: "many" is not a whole number`)
	t.Setenv("FETTLE_LORA_RNAK", "8")
	code, _, stderr = call("", "generate", "--model_name_or_path", base)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, `unknown variable "FETTLE_LORA_RNAK", did you mean "FETTLE_LORA_RANK"`)
}
