package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/atomicfile"
	"fettle/internal/compute/cpu"
	"fettle/internal/compute/cpu/kernel"
	"fettle/internal/tinymodel"
	"fettle/train/checkpoint"
)

// stretches returns the arithmetics that a file of a run names.
func stretches(t *testing.T, path ...string) []adapter.Stretch {
	text, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	var s struct {
		Computed []adapter.Stretch `json:"computed_by"`
	}
	require.NoError(t, json.Unmarshal(text, &s))
	return s.Computed
}

func TestAnotherProcessorIsSaidAndRecorded(t *testing.T) {
	best := kernel.Levels()[0].Name
	if best == kernel.Plain().Name {
		t.Skip("this machine has one kind of kernels")
	}
	run := filepath.Join(t.TempDir(), "run")
	base, set := tiny(t, tinymodel.Config{}), rows(t, 8)
	continued := func(steps string) (said string) {
		code, _, stderr := call("", training(base, set, run, "--compute", "f32", "--lr_scheduler_type", "constant",
			"--max_steps", steps)...)
		require.Zero(t, code, stderr)
		return stderr
	}
	require.NotContains(t, continued("2"), "its bits differ")
	require.NotContains(t, continued("3"), "its bits differ", "the same processor")
	require.Len(t, stretches(t, run, checkpoint.Name(3), "state.json"), 1)
	require.Empty(t, stretches(t, run, "fettle.json"))

	t.Setenv("FETTLE_CPU", kernel.Plain().Name)
	said := continued("4")
	require.Contains(t, said, "was computed by cpu f32 "+best+" ")
	require.Contains(t, said, "continues by cpu f32 plain ")
	require.Contains(t, said, "its bits differ from those of a run without interruption")
	for _, file := range []string{"fettle.json", checkpoint.Name(4) + "/state.json", checkpoint.Name(4) + "/fettle.json"} {
		all := stretches(t, run, file)
		require.Len(t, all, 2, file)
		require.Equal(t, []int{0, 3}, []int{all[0].After, all[1].After})
		require.Contains(t, all[0].By, best)
		require.Contains(t, all[1].By, "plain")
	}
	require.NotContains(t, continued("5"), "its bits differ", "it was said")
	require.Len(t, stretches(t, run, "fettle.json"), 2, "and stays recorded")
}

// resigned changes files of a checkpoint and writes it anew, whole.
func resigned(t *testing.T, run string, step int, change func(name, text string) string) {
	from, files := filepath.Join(run, checkpoint.Name(step)), map[string]atomicfile.Content{}
	entries, err := os.ReadDir(from)
	require.NoError(t, err)
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(from, e.Name()))
		require.NoError(t, err)
		if changed := change(e.Name(), string(text)); e.Name() != "MANIFEST.json" && changed != "" {
			files[e.Name()] = atomicfile.Bytes([]byte(changed))
		}
	}
	require.NoError(t, checkpoint.Write(atomicfile.OS{}, run, step, files))
}

// With compute: auto a run keeps what it chose first, also where this processor would choose otherwise.
func TestAutoKeepsWhatItChoseFirst(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{DType: "BF16"}), rows(t, 8)
	auto, err := cpu.New(cpu.Options{Compute: "auto"})
	require.NoError(t, err)
	chosen, other := "f32", "bf16"
	if strings.HasPrefix(auto.Name(), "cpu bf16 ") {
		chosen, other = other, chosen
	}
	for _, file := range []string{"state.json", "fettle.json"} { // of runs of before: the record alone
		run := filepath.Join(t.TempDir(), "run")
		flags := func(steps string) []string {
			return training(base, set, run, "--compute", "auto", "--lr_scheduler_type", "constant", "--share_prefix", "false",
				"--max_steps", steps)
		}
		must(t, flags("2")...)
		resigned(t, run, 2, func(name, text string) string {
			if name == "state.json" && file == "fettle.json" {
				var s map[string]json.RawMessage
				require.NoError(t, json.Unmarshal([]byte(text), &s))
				delete(s, "computed_by")
				without, err := json.Marshal(s)
				require.NoError(t, err)
				return string(without)
			}
			return strings.ReplaceAll(text, "cpu "+chosen, "cpu "+other)
		})
		code, _, stderr := call("", flags("3")...)
		require.Zero(t, code, stderr)
		require.Contains(t, stderr, "compute: auto chose "+other+" when the run began and would choose otherwise")
		require.Contains(t, stderr, "keeps "+other)
		require.Equal(t, file == "fettle.json", strings.Contains(stderr, "its bits differ"), stderr)
		record, err := adapter.ReadRecord(run)
		require.NoError(t, err)
		require.Contains(t, record.Compute, "cpu "+other+" ")
		code, _, stderr = call("", append(flags("4"), "--compute", chosen)...)
		require.Equal(t, exitRefused, code, stderr)
		require.Contains(t, stderr, "compute was auto, is "+chosen)
	}
}

func TestWhatIsCalledBestStaysAsItIs(t *testing.T) {
	base, set, run := tiny(t, tinymodel.Config{}), rows(t, 14), filepath.Join(t.TempDir(), "run")
	mine := filepath.Join(run, "best", "notes.txt")
	require.NoError(t, os.MkdirAll(filepath.Dir(mine), 0o755))
	require.NoError(t, os.WriteFile(mine, []byte("mine"), 0o644))
	flags := training(base, set, run, "--val_size", "4", "--eval_steps", "2", "--save_steps", "2",
		"--load_best_model_at_end", "true")
	code, _, stderr := call("", append(flags, "--max_steps", "4")...)
	require.Zero(t, code, stderr)
	require.Equal(t, 1, strings.Count(stderr, filepath.Join(run, "best")+
		" is no link to a checkpoint and stays as it is. The best checkpoint is checkpoint-00000"), stderr)
	text, err := os.ReadFile(mine)
	require.NoError(t, err)
	require.Equal(t, "mine", string(text))

	require.NoError(t, os.RemoveAll(filepath.Dir(mine)))
	require.NoError(t, os.WriteFile(filepath.Dir(mine), []byte("my file"), 0o644))
	must(t, training(base, set, run, "--val_size", "4", "--eval_steps", "2", "--save_steps", "2",
		"--load_best_model_at_end", "true", "--max_steps", "4", "--lr_scheduler_type", "cosine")...)
	text, err = os.ReadFile(filepath.Dir(mine))
	require.NoError(t, err)
	require.Equal(t, "my file", string(text))
}

func TestDamagedCheckpointsAreNamedWithWhatToDo(t *testing.T) {
	base, set, run := tiny(t, tinymodel.Config{}), rows(t, 14), filepath.Join(t.TempDir(), "run")
	flags := training(base, set, run, "--save_steps", "2", "--lr_scheduler_type", "constant", "--max_steps")
	must(t, append(flags, "4")...)
	names := checkpoint.List(run)
	require.Len(t, names, 2)
	for _, name := range names {
		require.NoError(t, os.Truncate(filepath.Join(run, name, "adapter_model.safetensors"), 100))
	}
	code, _, stderr := call("", append(flags, "6")...)
	require.Equal(t, exitRefused, code, stderr)
	for _, want := range append(names, "none of the checkpoints in "+run+" is sound",
		"adapter_model.safetensors is damaged", "Put one back from a copy",
		"take another output_dir, or delete these checkpoints") {
		require.Contains(t, stderr, want)
	}
	code, _, stderr = call("", append(flags, "6", "--resume", filepath.Join(run, names[1]))...)
	require.NotZero(t, code)
	require.Contains(t, stderr, "--resume auto takes the newest checkpoint that is sound")
	other := filepath.Join(run, "checkpoint-final") // of another program
	require.NoError(t, os.Mkdir(other, 0o755))
	require.NotContains(t, checkpoint.List(run), "checkpoint-final")
}

// Before the last block computed learned rows alone, sums over its rows had zeros for the others.
func TestOtherSumsAreSaidAndRecorded(t *testing.T) {
	base, set, run := tiny(t, tinymodel.Config{}), rows(t, 8), filepath.Join(t.TempDir(), "run")
	flags := training(base, set, run, "--compute", "f32", "--lr_scheduler_type", "constant", "--max_steps")
	must(t, append(flags, "2")...)
	resigned(t, run, 2, func(_, text string) string { return strings.ReplaceAll(text, ", learned rows", "") })
	code, _, stderr := call("", append(flags, "3")...)
	require.Zero(t, code, stderr)
	require.Contains(t, stderr, ", learned rows: from here on its bits differ from those of a run without interruption")
	all := stretches(t, run, "fettle.json")
	require.Len(t, all, 2)
	require.Equal(t, all[0].By+", learned rows", all[1].By)
}

// Before there was a tree, sums of gradients went from the left, which differs from the fourth sequence of a step on.
func TestAnotherOrderOfSumsIsSaidAndRecorded(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 8)
	for _, x := range []struct {
		method, batch string
		said          bool
	}{{"lora", "4", true}, {"lora", "3", false}, {"llama-adapter", "5", true}, {"full", "8", false}} {
		run := filepath.Join(t.TempDir(), "run")
		flags := training(base, set, run, "--compute", "f32", "--lr_scheduler_type", "constant", "--finetuning_type",
			x.method, "--per_device_train_batch_size", x.batch, "--max_steps")
		must(t, append(flags, "2")...)
		resigned(t, run, 2, func(name, text string) string { return strings.ReplaceAll(text, ", sums by tree", "") })
		code, _, stderr := call("", append(flags, "3")...)
		require.Zero(t, code, stderr)
		if !x.said {
			require.NotContains(t, stderr, "its bits differ", x)
			continue
		}
		require.Contains(t, stderr, "sums by tree: from here on its bits differ from those of a run without interruption")
		all := stretches(t, run, "fettle.json")
		require.Len(t, all, 2)
		require.Equal(t, 2, all[1].After)
		require.Equal(t, all[0].By+", sums by tree", all[1].By)
	}
}

// A run in compute int8 over NF4 that began when those products were float32 is told that its bits change.
func TestCodesOfNF4AreAnotherArithmetic(t *testing.T) {
	base, set, run := tiny(t, tinymodel.Config{}), rows(t, 8), filepath.Join(t.TempDir(), "run")
	flags := func(steps string) []string {
		return training(base, set, run, "--compute", "int8", "--quantization", "nf4", "--lr_scheduler_type", "constant",
			"--max_steps", steps)
	}
	must(t, flags("2")...)
	resigned(t, run, 2, func(_, text string) string { return strings.ReplaceAll(text, ", nf4 in codes", "") })
	code, _, stderr := call("", flags("3")...)
	require.Zero(t, code, stderr)
	require.Contains(t, stderr, "its bits differ")
	code, _, stderr = call("", flags("4")...)
	require.Zero(t, code, stderr)
	require.NotContains(t, stderr, "its bits differ", "it was said")
}
