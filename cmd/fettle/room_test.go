package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/human"
	"fettle/internal/machine"
	"fettle/internal/tinymodel"
	"fettle/train/plan"
)

func TestModelsThatDoNotFitAreRefusedBeforeTheyAreLoaded(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	run := filepath.Join(t.TempDir(), "run")
	must(t, training(base, rows(t, 8), run, "--max_steps", "1")...)
	weights := filepath.Join(base, "model.safetensors")
	text, err := os.ReadFile(weights)
	require.NoError(t, err)
	for i := len(text) / 2; i < len(text); i++ {
		text[i] = 0xff // not a number: loading would err
	}
	require.NoError(t, os.WriteFile(weights, text, 0o644))
	for _, args := range [][]string{
		{"generate", "--prompt", "Say 1"}, {"chat"}, {"serve", "--port", "0"},
		{"generate", "--input_file", rows(t, 3), "--output_file", filepath.Join(t.TempDir(), "answers.jsonl")},
	} {
		code, stdout, stderr := call("", append(args, "--adapter_name_or_path", run, "--max_memory", "20M")...)
		require.Equal(t, exitRefused, code, stderr)
		require.Empty(t, stdout)
		require.Regexp(t, base+`, `+run+` with a context of \d+ tokens needs about \d+ MiB of memory; max_memory: 20 MiB`,
			stderr)
		for _, want := range []string{"weights", "keys, values", "--quantization nf4: about", "--max_memory none continues"} {
			require.Contains(t, stderr, want, args[0])
		}
	}
	code, _, stderr := call("", "generate", "--model_name_or_path", base, "--raw", "--prompt", "a", "--max_memory", "none",
		"--max_new_tokens", "2")
	require.NotEqual(t, exitRefused, code, stderr)
}

// With no max_context the context is what memory allows, and the whole one where that fits.
func TestTheContextIsAsLongAsMemoryAllows(t *testing.T) {
	base := tiny(t, tinymodel.Config{MaxPositions: 1 << 20})
	a := &answering{}
	require.NoError(t, a.add(source{Model: base, Compute: "auto"}, map[string]int{}))
	need := func(tokens int) int64 { return plan.Answers(a.models, tokens).Total() }
	ask := func(memory int64, more ...string) (said string, code int) {
		code, _, stderr := call("", append([]string{"generate", "--model_name_or_path", base, "--raw", "--prompt", "Say",
			"--max_new_tokens", "4", "--max_memory", strconv.FormatInt(memory, 10)}, more...)...)
		return stderr, code
	}
	said, code := ask(need(1 << 20))
	require.Zero(t, code, said)
	require.NotContains(t, said, "The context is")

	said, code = ask(need(10000))
	require.Zero(t, code, said)
	require.Contains(t, said, fmt.Sprintf("The context is %s tokens, not %s: "+
		"more would not fit into memory; max_memory: %s",
		human.Count(10000&^255), human.Count(1<<20), human.Bytes(need(10000))))

	said, code = ask(need(300))
	require.Zero(t, code, said)
	said, code = ask(need(100))
	require.Equal(t, exitRefused, code, "room for the answer alone: %s", said)
	said, code = ask(need(10000), "--max_context", "10000")
	require.Zero(t, code, said)
	require.NotContains(t, said, "The context is")
	said, code = ask(need(10000)-1, "--max_context", "10000")
	require.Equal(t, exitRefused, code, said)
	require.Contains(t, said, "--max_context 5000: about")
	for _, n := range []string{"-1", "1048577"} {
		said, code = ask(1<<40, "--max_context", n)
		require.Equal(t, exitUsage, code, said)
		require.Contains(t, said, "max_context is "+n+", want 1 … 1048576")
	}
	_, code = ask(need(10000), "--max_context", "3")
	require.NotZero(t, code, "the prompt does not fit")
}

func TestModelsOfOneBaseShareItsMemory(t *testing.T) {
	base, other := tiny(t, tinymodel.Config{Hidden: 64}), tiny(t, tinymodel.Config{Hidden: 64, Layers: 1})
	run := filepath.Join(t.TempDir(), "run")
	must(t, training(base, rows(t, 8), run, "--max_steps", "1")...)
	of := func(list ...source) plan.Memory {
		a, keys := &answering{}, map[string]int{}
		for _, s := range list {
			s.Compute = "f32"
			require.NoError(t, a.add(s, keys))
		}
		return plan.Answers(a.models, 100)
	}
	one, tuned := of(source{Model: base}), of(source{Model: base}, source{Model: base, Adapter: run})
	require.Equal(t, one.Weights, tuned.Weights)
	require.Equal(t, 2*one.Activations, tuned.Activations, "each has keys and values")
	require.Positive(t, tuned.Trainable)
	require.Equal(t, one.Weights+of(source{Model: other}).Weights, of(source{Model: base}, source{Model: other}).Weights)
	require.Less(t, of(source{Model: base, Quantized: "nf4"}).Weights, one.Weights)
}

// The estimate against the peak of real answers. It takes minutes: FETTLE_LONG=1.
func TestTheMemoryOfAnswersIsForeseen(t *testing.T) {
	if os.Getenv("FETTLE_LONG") == "" {
		t.Skip("takes minutes; set FETTLE_LONG=1")
	}
	program := builtProgram(t)
	big := tinymodel.Config{Hidden: 1024, Intermediate: 2816, Layers: 8, Heads: 16, KVHeads: 8, MaxPositions: 8192,
		Vocab: 8000}
	models := map[string]string{"fettle-tiny": "fettle-tiny", "F32": tiny(t, big)}
	big.DType = "BF16"
	models["BF16"] = tiny(t, big)
	prompt := file(t, "prompt.txt", strings.Repeat("Lena lives in Naples and Tom has a dog. ", 50))
	for _, c := range []struct{ model, flags string }{
		{"fettle-tiny", "--prompt Lena --max_new_tokens 200"}, {"F32", "--prompt Lena --max_new_tokens 20"},
		{"F32", "--max_new_tokens 20 --prompt @" + prompt},
		{"BF16", "--max_new_tokens 20 --quantization nf4 --prompt @" + prompt},
		{"BF16", "--max_new_tokens 20 --compute int8 --prompt @" + prompt},
	} {
		flags := append([]string{"generate", "--raw", "--temperature", "0", "--verbose", "--model_name_or_path",
			models[c.model]}, strings.Fields(c.flags)...)
		_, _, stderr := call("", flags...)
		tokens := 0
		for _, m := range regexp.MustCompile(`after (\d+) tokens|prompt of (\d+) tokens`).FindAllStringSubmatch(stderr, -1) {
			n, _ := strconv.Atoi(m[1] + m[2])
			tokens += n
		}
		a, quantized := &answering{}, "none"
		if strings.Contains(c.flags, "nf4") {
			quantized = "nf4"
		}
		mode := "auto"
		if strings.Contains(c.flags, "int8") {
			mode = "int8"
		}
		require.NoError(t, a.add(source{Model: models[c.model], Compute: mode, Quantized: quantized}, map[string]int{}))
		need, peak := plan.Answers(a.models, tokens).Total(), peakOf(t, program, flags...)
		off := float64(need)/float64(peak) - 1
		t.Logf("%-11s %-60.60s %5d tokens: %9s, peak %9s, %+5.1f %%", c.model, c.flags, tokens, human.Bytes(need),
			human.Bytes(peak), 100*off)
		const constant = 40 << 20 // of a program that has little to do
		if need < peak-peak/20 || need > peak+peak*15/100+constant {
			t.Errorf("memory is off by %+.1f %%, want −5 to +15 and 40 MiB", 100*off)
		}
	}
}

// The kinds of memory that limits count come from the estimate.
func TestLimitsOnAddressesCountMappedFiles(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	a := &answering{}
	require.NoError(t, a.add(source{Model: base, Compute: "f32"}, map[string]int{}))
	n := plan.Answers(a.models, 100).Need(a.bases...)
	info, err := os.Stat(filepath.Join(base, "model.safetensors"))
	require.NoError(t, err)
	require.InEpsilon(t, info.Size(), n.Mapped, 0.1)
	limits := memoryLimits{system: []machine.Limit{{Name: "ulimit -v", Left: 1 << 40, Of: machine.Address}}}
	left, from := limits.of(n)
	require.Equal(t, "available (ulimit -v)", from)
	require.Less(t, left, int64(1<<40)-n.Mapped)
}
