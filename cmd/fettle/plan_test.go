package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
	"fettle/internal/human"
	"fettle/internal/tinymodel"
)

// sequences writes a tokenized set of n sequences of lo … hi tokens, of which
// the second half is learned and the first so many are in common.
func sequences(t testing.TB, n, common, lo, hi, vocab int) string {
	rng := rand.New(rand.NewPCG(1, 1))
	var b strings.Builder
	for range n {
		ids := make([]int, lo+rng.IntN(hi-lo+1))
		labels := make([]int, len(ids))
		for i := range ids {
			ids[i], labels[i] = 3+rng.IntN(vocab-3), -100
			if i < common {
				ids[i] = 3 + i
			}
			if i >= len(ids)/2 {
				labels[i] = ids[i]
			}
		}
		row, err := json.Marshal(map[string]any{"input_ids": ids, "labels": labels})
		require.NoError(t, err)
		b.Write(append(row, '\n'))
	}
	return file(t, "set.jsonl", b.String())
}

// planOf returns the report of plan.
func planOf(t testing.TB, flags ...string) planReport {
	p := planReport{estimate: &estimate{}}
	require.NoError(t, json.Unmarshal([]byte(must(t, append([]string{"plan", "--json"}, flags...)...)), &p))
	return p
}

func TestPlanReadsNoWeight(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 14)
	flags := append(training(base, set, filepath.Join(t.TempDir(), "run"))[1:], "--probe", "0")
	p := planOf(t, flags...)
	require.Equal(t, 8, p.Workload.Steps)
	require.Equal(t, 4, p.Workload.PerEpoch)
	weights := filepath.Join(base, "model.safetensors")
	text, err := os.ReadFile(weights)
	require.NoError(t, err)
	for i := len(text) / 2; i < len(text); i++ {
		text[i] = 0xff // not a number
	}
	require.NoError(t, os.WriteFile(weights, text, 0o644))
	require.Equal(t, p.Memory, planOf(t, flags...).Memory)
	require.Contains(t, must(t, append([]string{"plan"}, flags...)...), "\nmemory: ")
}

func TestPlanCountsSharedRowsOnce(t *testing.T) {
	base, out := tiny(t, tinymodel.Config{}), filepath.Join(t.TempDir(), "run")
	flags := training(base, rows(t, 14), out, "--compute", "f32", "--per_device_train_batch_size", "4")
	plan := func(more ...string) planReport {
		return planOf(t, append(flags[1:], append(more, "--probe", "0")...)...)
	}
	alone, shared := plan(), plan("--share_prefix", "true")
	require.False(t, alone.Shares, "float32 keeps its bits")
	require.True(t, shared.Shares)
	require.Equal(t, alone.Workload.All, shared.Workload.All)
	require.Less(t, shared.Workload.Rows, alone.Workload.Rows)
	require.Less(t, shared.Total, alone.Total)
	require.True(t, plan("--compute", "bf16").Shares)
	require.False(t, plan("--compute", "bf16", "--lora_dropout", "0.1").Shares)
	require.Contains(t, must(t, append([]string{"plan", "--probe", "0", "--share_prefix", "true"}, flags[1:]...)...),
		"fewer than tokens: share_prefix")

	must(t, append(flags, "--lora_dropout", "0.1", "--max_steps", "1")...)
	on := training(base, rows(t, 14), filepath.Join(t.TempDir(), "on"), "--adapter_name_or_path", out)
	require.False(t, planOf(t, append(on[1:], "--probe", "0", "--compute", "bf16")...).Shares,
		"the adapter brings its dropout")
	code, _, stderr := call("", append(on, "--share_prefix", "true")...)
	require.Equal(t, exitRefused, code, stderr)
	require.Contains(t, stderr, "share_prefix is true with lora_dropout 0.1")
}

func TestPlanTriesSomeMicroBatches(t *testing.T) {
	p := planOf(t, append(training(tiny(t, tinymodel.Config{}), rows(t, 14), filepath.Join(t.TempDir(), "run"))[1:],
		"--probe", "2")...)
	require.Positive(t, p.Seconds)
	require.Positive(t, p.Pace.Held)
}

func TestRunsThatDoNotFitAreRefused(t *testing.T) {
	base, out := tiny(t, tinymodel.Config{Hidden: 64, Intermediate: 128, Layers: 6}), filepath.Join(t.TempDir(), "run")
	flags := training(base, rows(t, 14), out, "--recompute", "none", "--max_steps", "1")
	total := planOf(t, append(flags[1:], "--probe", "0")...).Total
	limit := strconv.FormatInt(total-1<<10, 10)
	code, _, stderr := call("", append(flags, "--max_memory", limit)...)
	require.Equal(t, exitRefused, code, stderr)
	require.Contains(t, stderr, "max_memory: "+human.Bytes(total-1<<10))
	require.Contains(t, stderr, "recompute: all")
	require.NoDirExists(t, out, "nothing was begun")
	must(t, append(flags, "--max_memory", limit, "--recompute", "all")...)
	must(t, append(flags, "--max_memory", limit, "--allow", "memory", "--output_dir",
		filepath.Join(t.TempDir(), "run"))...)
}

// peakOf runs a program and returns its VmHWM, in bytes.
func peakOf(t testing.TB, program string, args ...string) int64 {
	cmd := exec.Command(program, args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	require.NoError(t, cmd.Start())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	peak, line := int64(0), regexp.MustCompile(`VmHWM:\s+(\d+) kB`)
	for {
		select {
		case err := <-done:
			require.NoError(t, err, errs.String())
			return peak
		case <-time.After(10 * time.Millisecond):
			text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
			if m := line.FindSubmatch(text); m != nil {
				kib, _ := strconv.ParseInt(string(m[1]), 10, 64)
				peak = max(peak, kib<<10)
			}
		}
	}
}

// builtProgram builds the program, which lacks the memory of the tests.
func builtProgram(t *testing.T) string {
	program := filepath.Join(t.TempDir(), "fettle")
	said, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(said))
	return program
}

// The estimate of memory against the peak of real runs, and of time against
// the clock. It takes minutes: FETTLE_LONG=1.
func TestPlanForeseesThePeak(t *testing.T) {
	if os.Getenv("FETTLE_LONG") == "" {
		t.Skip("takes minutes; set FETTLE_LONG=1")
	}
	program := builtProgram(t)
	write := func(c tinymodel.Config) string {
		dir := t.TempDir()
		require.NoError(t, tinymodel.Write(dir, c, 7))
		return dir
	}
	small := func(dtype checkpoint.Type) string {
		return write(tinymodel.Config{Hidden: 512, Intermediate: 1408, Layers: 6, Heads: 8, KVHeads: 8, Vocab: 8000,
			MaxPositions: 2048, DType: dtype})
	}
	models := map[string]string{
		"F32": small("F32"), "BF16": small("BF16"),
		"large": write(tinymodel.Config{Hidden: 1024, Intermediate: 2816, Layers: 8, Heads: 16, KVHeads: 16,
			Vocab: 8000, MaxPositions: 2048}),
	}
	sets := map[string]string{
		"short": sequences(t, 40, 0, 40, 120, 8000), "long": sequences(t, 24, 0, 200, 400, 8000),
		"alike": sequences(t, 40, 100, 150, 250, 8000),
	}
	for _, c := range []struct{ model, set, flags string }{
		{"large", "short", "--recompute none --per_device_train_batch_size 4 --quantization int8"},
		{"F32", "short", "--recompute all --per_device_train_batch_size 4"},
		{"F32", "long", "--recompute none --per_device_train_batch_size 2"},
		{"F32", "alike", "--recompute none --per_device_train_batch_size 4 --share_prefix true"},
		{"BF16", "long", "--recompute all --per_device_train_batch_size 4"},
		{"F32", "long", "--recompute none --per_device_train_batch_size 1 --quantization nf4 --lora_target_modules " +
			"all-linear --lora_dropout 0.1"},
		{"BF16", "long", "--recompute none --per_device_train_batch_size 2 --finetuning_type llama-adapter " +
			"--adapter_layers 4"},
		{"BF16", "long", "--recompute none --per_device_train_batch_size 4 --compute int8 --val_size 4 --eval_steps 4"},
		{"F32", "short", "--recompute none --per_device_train_batch_size 4 --finetuning_type full --save_steps 4"},
		{"F32", "long", "--recompute all --per_device_train_batch_size 1 --finetuning_type full"},
	} {
		out := filepath.Join(t.TempDir(), "run")
		flags := append([]string{"--model_name_or_path", models[c.model], "--dataset", sets[c.set], "--dataset_format",
			"tokenized", "--max_steps", "12",
			"--allow", "end-not-learned,no-learned-tokens,duplicate", "--output_dir", out}, strings.Fields(c.flags)...)
		p := planOf(t, append(flags, "--probe", "4")...)
		peak := peakOf(t, program, append([]string{"train"}, flags...)...)
		text, err := os.ReadFile(filepath.Join(out, "metrics.jsonl"))
		require.NoError(t, err)
		seconds := 0.0
		for line := range strings.Lines(string(text)) {
			var row struct {
				Elapsed float64 `json:"elapsed_seconds"`
			}
			require.NoError(t, json.Unmarshal([]byte(line), &row))
			seconds = max(seconds, row.Elapsed)
		}
		memory, clock := float64(p.Total)/float64(peak)-1, p.Seconds/seconds-1
		t.Logf("%-6s %-6s %-120s memory %9s, peak %9s, %+5.1f %%   time %5.1f s, took %5.1f s, %+5.1f %%", c.model,
			c.set, c.flags, human.Bytes(p.Total), human.Bytes(peak), 100*memory, p.Seconds, seconds, 100*clock)
		if memory < -0.06 || memory > 0.06 {
			t.Errorf("memory is off by %+.1f %%, want 6 at most", 100*memory)
		}
		if clock < -0.25 || clock > 0.25 {
			t.Logf("time is off by %+.1f %%, more than the 25 that an idle machine gives", 100*clock)
		}
	}
}

// An adapter that is continued keeps its own rank, whatever lora_rank says.
func TestPlanCountsTheParametersThatTrainTrains(t *testing.T) {
	base, set, first := tiny(t, tinymodel.Config{}), rows(t, 8), filepath.Join(t.TempDir(), "first")
	must(t, training(base, set, first, "--max_steps", "1", "--lora_rank", "12")...)
	for name, more := range map[string][]string{
		"new lora":          {"--lora_rank", "4", "--lora_target_modules", "all-linear"},
		"new llama-adapter": {"--finetuning_type", "llama-adapter"},
		"full":              {"--finetuning_type", "full"},
		"continued":         {"--adapter_name_or_path", first},
	} {
		t.Run(name, func(t *testing.T) {
			args := training(base, set, filepath.Join(t.TempDir(), "run"), append(more, "--max_steps", "1")...)
			var plan struct{ Trainable int }
			said := must(t, append([]string{"plan", "--probe", "0", "--json"}, args[1:]...)...)
			require.NoError(t, json.Unmarshal([]byte(said), &plan))
			require.Contains(t, must(t, append([]string{"plan", "--probe", "0"}, args[1:]...)...),
				"\ntrainable parameters: "+human.Count(plan.Trainable)+" (")
			code, _, log := call("", append(args, "--log_format", "json")...)
			require.Zero(t, code, log)
			require.Contains(t, log, fmt.Sprintf(`"trainable":%d,`, plan.Trainable))
		})
	}
	code, _, stderr := call("", "plan", "--model_name_or_path", base, "--dataset", set, "--adapter_name_or_path",
		"none")
	require.Equal(t, exitMissing, code, stderr)
}

func TestAPlanThatDoesNotFitIsRefusedAsTheRunIs(t *testing.T) {
	args := []string{"--model_name_or_path", tiny(t, tinymodel.Config{}), "--dataset", rows(t, 8), "--recipe",
		"alpaca-lora-short", "--probe", "0", "--max_memory", "1M"}
	for _, more := range [][]string{nil, {"--json"}} {
		code, stdout, stderr := call("", append(append([]string{"plan"}, args...), more...)...)
		require.Equal(t, exitRefused, code)
		require.NotEmpty(t, stdout, "the plan is printed")
		require.Contains(t, stderr, "refused: the run needs about ")
	}
	must(t, append([]string{"plan", "--allow", "memory"}, args...)...)
}

func TestPlanTellsTheMemoryOfRanksOnOneMachine(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{Hidden: 64, Intermediate: 1024, Layers: 4}), rows(t, 14)
	flags := []string{"plan", "--model_name_or_path", base, "--dataset", set, "--probe", "0", "--max_memory", "none"}
	var one, four estimate
	require.NoError(t, json.Unmarshal([]byte(must(t, append(flags, "--json")...)), &one))
	require.NoError(t, json.Unmarshal([]byte(must(t, append(flags, "--json", "--for_ranks", "4")...)), &four))
	require.Zero(t, one.Together)
	require.Equal(t, four.Total+3*(four.Total-four.Memory.Weights), four.Together, "one base and four times the rest")
	text := must(t, append(flags, "--for_ranks", "4")...)
	require.Contains(t, text, "\nmemory of a rank: "+human.Bytes(four.Total))
	require.Contains(t, text, "on one machine all 4 ranks take "+human.Bytes(four.Together)+", as they share")
}

func TestPlanRefusesTheRanksThatTrainingRefuses(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 14)
	for _, x := range []struct {
		why, ranks, want string
		flags            []string
	}{
		{"the sequences of a step", "9", "9 ranks share steps of 8 sequences: each needs one. Start fewer, or set " +
			"gradient_accumulation_steps to 5 or more", []string{"--gradient_accumulation_steps", "4"}},
		{"the examples", "13", "13 ranks share 12 examples: each needs one in every step. Start fewer, or take more data",
			[]string{"--gradient_accumulation_steps", "8"}},
		{"the micro-batches", "7", "7 ranks share steps of 6 micro-batches, which stay whole with share_prefix",
			[]string{"--gradient_accumulation_steps", "8", "--share_prefix", "true"}},
		{"all weights", "2", "finetuning_type full trains weights of the base itself", []string{"--finetuning_type", "full"}},
		{"whole modules", "2", "modules_to_save trains weights of the base itself", []string{"--modules_to_save", "lm_head"}},
	} {
		t.Run(x.why, func(t *testing.T) {
			flags := append([]string{"plan", "--model_name_or_path", base, "--dataset", set, "--probe", "0", "--val_size", "2",
				"--recipe", "alpaca-lora-short", "--per_device_train_batch_size", "2"}, x.flags...)
			must(t, flags...)
			code, stdout, stderr := call("", append(flags, "--for_ranks", x.ranks)...)
			require.Equal(t, exitRefused, code, stderr)
			require.Empty(t, stdout)
			require.Contains(t, stderr, "refused: "+x.want)
		})
	}
	code, _, stderr := call("", "plan", "--for_ranks", "2")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "for_ranks is 2: give the ranks a model and data")
}
