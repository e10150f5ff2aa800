//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// smolQuestions are asked of every form of the model.
var smolQuestions = []string{
	"What is the capital of France?",
	"Name the three primary colors.",
	"Rewrite this sentence in the past tense: She walks to the market and buys apples.",
}

// smolPrompt is the text that SmolLM2's chat template makes of a question.
func smolPrompt(question string) string {
	return "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n" +
		"<|im_start|>user\n" + question + "<|im_end|>\n<|im_start|>assistant\n"
}

// smolRun runs the program's commands in processes of their own and keeps what they took.
type smolRun struct {
	t     *testing.T
	dir   string
	table strings.Builder
}

// fettle runs a command; name is its row of the table.
func (r *smolRun) fettle(name string, args ...string) string {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "FETTLE_TEST_RUN=1")
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	require.NoError(r.t, cmd.Run(), "%s\n%s\n%s", args, &stdout, &stderr)
	wall, used := time.Since(began), cmd.ProcessState.SysUsage().(*syscall.Rusage)
	r.row(name, wall, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime(), used.Maxrss)
	return stdout.String()
}

func (r *smolRun) row(name string, wall, cpu time.Duration, kib int64) {
	fmt.Fprintf(&r.table, "| %s | %.1f s | %.1f s | %d MiB |\n", name, wall.Seconds(), cpu.Seconds(), kib>>10)
}

// answers asks the questions of a model.
func (r *smolRun) answers(name string, model ...string) (all []string) {
	for i, q := range smolQuestions {
		said := r.fettle(fmt.Sprintf("%s, question %d", name, i+1), append([]string{"generate", "--prompt", q,
			"--temperature", "0", "--max_new_tokens", "40", "--compute", "f32"}, model...)...)
		all = append(all, strings.TrimSpace(said))
	}
	return all
}

// referee asks llama.cpp the questions and returns its answers, and compares its logits at the end of a prompt with
// fettle's: their largest difference, relative to the largest logit, and how often the most probable token is the same.
func (r *smolRun) referee(file string, loras []string, from source) (said []string, worst float64, same int) {
	began := time.Now()
	from.Compute = "f32"
	m, err := from.open()
	require.NoError(r.t, err)
	no := false
	var questions []refereeQuestion
	for _, q := range smolQuestions {
		questions = append(questions, refereeQuestion{Text: smolPrompt(q), BOS: &no, Logits: "last", Greedy: 40})
	}
	for i, a := range llamaCpp(r.t, file, loras, questions...) {
		prompt, err := m.Prompt(smolQuestions[i], "")
		require.NoError(r.t, err)
		require.Equal(r.t, prompt, a.IDs, "llama.cpp's tokens of the prompt")
		ours, err := m.Weights.NewSession(0).Decode(prompt)
		require.NoError(r.t, err)
		require.Len(r.t, a.Logits, len(ours))
		best, theirs, largest := 0, 0, 1.0
		for j, v := range ours {
			if v > ours[best] {
				best = j
			}
			if a.Logits[j] > a.Logits[theirs] {
				theirs = j
			}
			largest = max(largest, math.Abs(float64(v)))
		}
		for j, v := range ours {
			worst = max(worst, math.Abs(float64(v-a.Logits[j]))/largest)
		}
		if best == theirs {
			same++
		}
		said = append(said, strings.TrimSpace(a.Text))
	}
	r.row("llama.cpp beside fettle, "+filepath.Base(file), time.Since(began), 0, 0)
	return said, worst, same
}

// path returns a path for a result.
func (r *smolRun) path(name string) string { return filepath.Join(r.dir, name) }

// heldOut reads the losses before and after from what train prints.
var heldOut = regexp.MustCompile(`Held-out loss: ([0-9.]+) before, ([0-9.]+) after`)

// TestSmolLM2EndToEnd loads SmolLM2-135M-Instruct as people get it, a GGUF file in 4 bits, chats, tunes it on 160 rows
// of Alpaca's data, merges, exports, and asks llama.cpp about every result. SMOLLM2 names the file; .ci/smollm2
// downloads it and llama.cpp's libraries. SMOLLM2_RUN may name a run that was trained before, to save time.
func TestSmolLM2EndToEnd(t *testing.T) {
	base := os.Getenv("SMOLLM2")
	if base == "" {
		t.Skip("SMOLLM2 does not name SmolLM2-135M-Instruct.Q4_1.gguf")
	}
	r := &smolRun{t: t, dir: t.TempDir()}
	defer func() {
		t.Logf("\n| step | time | processor time | peak memory |\n| --- | --- | --- | --- |\n%s", &r.table)
	}()
	run := r.path("run")
	plain := r.answers("base", "--model_name_or_path", base)
	t.Logf("base: %q", plain)
	require.Contains(t, plain[0], "Paris")

	if trained := os.Getenv("SMOLLM2_RUN"); trained != "" {
		run = trained
	} else {
		told := r.fettle("train", "train", "--model_name_or_path", base, "--dataset", alpaca(t, 190), "--val_size", "30",
			"--output_dir", run, "--recipe", "chat_template", "--lora_target", "all", "--lora_r", "8", "--lora_alpha", "16",
			"--num_train_epochs", "1", "--per_device_train_batch_size", "8", "--learning_rate", "5e-4",
			"--cutoff_len", "256", "--compute", "f32", "--seed", "1")
		found := heldOut.FindStringSubmatch(told)
		require.NotNil(t, found, told)
		before, _ := strconv.ParseFloat(found[1], 64)
		after, _ := strconv.ParseFloat(found[2], 64)
		t.Logf("held-out loss: %v before, %v after", before, after)
		require.Less(t, after, before-0.05)
	}
	tuned := r.answers("tuned", "--adapter_name_or_path", run, "--model_name_or_path", base)
	t.Logf("tuned: %q", tuned)
	require.NotEqual(t, plain, tuned)

	with := []string{"--model_name_or_path", base, "--adapter_name_or_path", run}
	merged := r.path("merged")
	r.fettle("merge", append([]string{"merge", "--output_dir", merged, "--dtype", "float32"}, with...)...)
	require.Equal(t, tuned, r.answers("merged", "--model_name_or_path", merged), "merged and attached")

	// In float32 llama.cpp computes what fettle computes.
	exact := r.path("tuned-F32.gguf")
	r.fettle("export F32", append([]string{"export", "--quantize", "F32", "--output_dir", exact}, with...)...)
	said, worst, _ := r.referee(exact, nil, source{Model: exact})
	t.Logf("F32: logits differ by %.2g of the largest", worst)
	require.Less(t, worst, 1e-4)
	require.Equal(t, tuned, said, "llama.cpp on the merged model")

	widened, lora := r.path("base-F32.gguf"), r.path("lora.gguf")
	r.fettle("convert to F32", "convert", "--input", base, "--quantize", "F32", "--output", widened)
	r.fettle("export gguf-lora", append([]string{"export", "--format", "gguf-lora", "--output_dir", lora}, with...)...)
	said, worst, _ = r.referee(widened, nil, source{Model: base})
	t.Logf("base as F32: logits differ by %.2g of the largest", worst)
	require.Less(t, worst, 1e-4)
	require.Equal(t, plain, said, "llama.cpp on the base")
	said, worst, _ = r.referee(widened, []string{lora}, source{Model: base, Adapter: run})
	t.Logf("LoRA on F32: logits differ by %.2g of the largest", worst)
	require.Less(t, worst, 1e-4)
	require.Equal(t, tuned, said, "llama.cpp with the adapter")

	// Beside other weights it rounds activations.
	for _, c := range []struct {
		kind  string
		least int // questions that begin with the same token
		worst float64
	}{{"F16", 3, 0.01}, {"Q8_0", 3, 0.05}, {"Q4_K_M", 3, 0.1}} {
		file := r.path("tuned-" + c.kind + ".gguf")
		r.fettle("export "+c.kind, append([]string{"export", "--quantize", c.kind, "--output_dir", file}, with...)...)
		said, worst, same := r.referee(file, nil, source{Model: file})
		t.Logf("%s: logits differ by %.2g of the largest, %d of %d first tokens the same; %q", c.kind, worst, same,
			len(smolQuestions), said)
		require.Less(t, worst, c.worst, c.kind)
		require.GreaterOrEqual(t, same, c.least, c.kind)
	}
}

// alpaca writes the first n rows of Alpaca's data to a file.
func alpaca(t *testing.T, n int) string {
	text, err := os.ReadFile(filepath.Join(sharedData(t), "data", "datasets", "alpaca", "alpaca_5000.json"))
	require.NoError(t, err)
	var rows []json.RawMessage
	require.NoError(t, json.Unmarshal(text, &rows))
	text, err = json.Marshal(rows[:n])
	require.NoError(t, err)
	return file(t, "alpaca.json", string(text))
}
