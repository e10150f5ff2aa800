package main

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/identify"
	"fettle/internal/tinymodel"
)

// stop makes a finished run one that was stopped, with its checkpoints alone.
func stop(t testing.TB, run string) string {
	for _, name := range []string{adapter.WeightsFile, adapter.ConfigFile, adapter.RecordFile, "config.json",
		"model.safetensors", "report.html", "trainer_state.json"} {
		require.NoError(t, os.RemoveAll(filepath.Join(run, name)))
	}
	return run
}

func TestAStoppedRunIsUsedFromItsLastCheckpoint(t *testing.T) {
	base, set, dir := tiny(t, tinymodel.Config{}), rows(t, 14), t.TempDir()
	lora, full := filepath.Join(dir, "lora"), filepath.Join(dir, "full")
	for run, method := range map[string]string{lora: "lora", full: "full"} {
		must(t, training(base, set, run, "--save_steps", "2", "--finetuning_type", method)...)
		stop(t, run)
	}
	last := filepath.Join(lora, "checkpoint-000008")
	ask := []string{"generate", "--prompt", "say a", "--max_new_tokens", "4", "--temperature", "0"}
	want := must(t, append(ask, "--adapter_name_or_path", last)...)
	half := must(t, append(ask, "--adapter_name_or_path", last+":0.5")...)
	for name, want := range map[string]string{lora: want, lora + ":0.5": half} {
		code, stdout, stderr := call("", append(ask, "--adapter_name_or_path", name)...)
		require.Zero(t, code, stderr)
		require.Equal(t, want, stdout)
		require.Contains(t, stderr, lora+" has no result yet. Using its last checkpoint, checkpoint-000008")
		require.Contains(t, stderr, "fettle train --config "+filepath.Join(lora, "config.yaml"))
	}
	must(t, append(ask, "--model_name_or_path", full)...)
	for _, args := range [][]string{
		{"merge", "--adapter_name_or_path", lora, "--output_dir", filepath.Join(dir, "merged")},
		{"convert", "--input", lora, "--output", filepath.Join(dir, "converted")},
		{"convert", "--input", full, "--output", filepath.Join(dir, "full.gguf")},
		{"train", "--adapter_name_or_path", lora, "--recipe", "alpaca-lora-short", "--dataset", set, "--max_steps", "1",
			"--output_dir", filepath.Join(dir, "next")},
		training(base, set, lora, "--save_steps", "2", "--resume", lora),
	} {
		must(t, args...)
	}
	stop(t, lora)
	weights := filepath.Join(last, adapter.WeightsFile)
	require.NoError(t, os.Truncate(weights, 100))
	code, _, stderr := call("", append(ask, "--adapter_name_or_path", lora)...)
	require.Zero(t, code, stderr)
	require.Contains(t, stderr, "passing over "+last+": adapter_model.safetensors is damaged")
	require.Contains(t, stderr, "Using its last checkpoint, checkpoint-000006")

	damaged := filepath.Join(dir, "damaged")
	require.NoError(t, os.CopyFS(damaged, os.DirFS(lora)))
	for _, path := range identify.Checkpoints(damaged) {
		require.NoError(t, os.Truncate(filepath.Join(path, adapter.WeightsFile), 100))
	}
	code, _, stderr = call("", append(ask, "--adapter_name_or_path", damaged)...)
	require.Equal(t, exitData, code, stderr)
	require.Contains(t, stderr, "none of its checkpoints is sound: put one back from a copy, or train again")

	for reason, c := range map[string]struct {
		args []string
		want string
	}{
		"a run of an adapter as the model": {append(ask, "--model_name_or_path", lora),
			"is the directory of a run of an adapter: give it as --adapter_name_or_path"},
		"a run of a model as the adapter": {append(ask, "--adapter_name_or_path", full),
			"is the directory of a run of a whole model: give it as --model_name_or_path"},
		"a checkpoint of a model as the adapter": {append(ask, "--adapter_name_or_path",
			filepath.Join(full, "checkpoint-000008")), "is a checkpoint of a whole model: give it as --model_name_or_path"},
	} {
		code, _, stderr := call("", c.args...)
		require.Equal(t, exitUsage, code, reason)
		require.Contains(t, stderr, c.want, reason)
	}

	begun := filepath.Join(dir, "begun")
	write(t, begun, "config.yaml", "")
	write(t, begun, "metrics.jsonl", "")
	code, _, stderr = call("", append(ask, "--adapter_name_or_path", begun)...)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "has saved nothing yet")
}

// The settings of a run name its files from where it was begun.
func TestAStoppedRunIsFinishedFromElsewhere(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 14)
	home, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	t.Chdir(home)
	run := filepath.Join("runs", "it's one")
	must(t, training(base, set, run, "--save_steps", "2")...)
	stop(t, run)
	finish := "  fettle train --config " + quote(filepath.Join(run, "config.yaml"), runtime.GOOS) + "\n"
	ask := []string{"generate", "--prompt", "a", "--max_new_tokens", "4", "--adapter_name_or_path"}
	_, _, stderr := call("", append(ask, run)...)
	require.Contains(t, stderr, "this finishes the run:\n"+finish)
	t.Chdir("runs")
	_, _, stderr = call("", append(ask, "it's one")...)
	require.Contains(t, stderr, "this finishes the run:\n  cd "+quote(home+string(filepath.Separator), runtime.GOOS)+
		"\n"+finish)
	require.NoError(t, os.Rename("it's one", "moved"))
	_, _, stderr = call("", append(ask, "moved")...)
	require.NotContains(t, stderr, "finishes the run")
}

func TestATrainersRunIsUsedFromItsLastCheckpoint(t *testing.T) {
	base, run := tiny(t, tinymodel.Config{}), filepath.Join(t.TempDir(), "trainer")
	for _, step := range []string{"checkpoint-500", "checkpoint-1000", "checkpoint-60"} {
		require.NoError(t, os.MkdirAll(run, 0o755))
		require.NoError(t, os.Rename(asPEFT(t, base, base), filepath.Join(run, step)))
	}
	code, _, stderr := call("", "generate", "--adapter_name_or_path", run, "--raw", "--prompt", "a")
	require.Zero(t, code, stderr)
	require.Contains(t, stderr, "Using its last checkpoint, checkpoint-1000\n")
}

func TestWithoutAModelTheNewestRunAnswers(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 14)
	t.Chdir(t.TempDir())
	ask := []string{"generate", "--prompt", "say a", "--max_new_tokens", "4", "--temperature", "0"}
	for _, args := range [][]string{ask, {"chat"}, {"serve", "--port", "0"}} {
		code, _, stderr := call("", args...)
		require.Equal(t, exitUsage, code)
		require.Contains(t, stderr, "no run is in the directory runs yet")
		require.Equal(t, [][]string{{"demo"}, {"generate", "--model_name_or_path", "fettle-tiny", "--raw", "--prompt",
			"Lena lives in"}}, printed(t, stderr))
	}
	for _, command := range []string{"merge", "export"} {
		code, _, stderr := call("", command)
		require.Equal(t, exitUsage, code)
		require.Equal(t, [][]string{{"demo"}}, printed(t, stderr))
	}

	when := time.Now()
	for i, name := range []string{"old", "full", "stopped", "the newest"} {
		method := "lora"
		if name == "full" {
			method = name
		}
		run := filepath.Join("runs", name)
		must(t, training(base, set, run, "--finetuning_type", method)...)
		if name == "stopped" {
			stop(t, run)
		}
		at := when.Add(time.Duration(i) * time.Hour)
		require.NoError(t, os.Chtimes(run, at, at))
	}
	write(t, filepath.Join("runs", "other"), "readme", "")
	want := must(t, append(ask, "--adapter_name_or_path", "runs/the newest")...)
	code, stdout, stderr := call("", ask...)
	require.Zero(t, code)
	require.Equal(t, want, stdout)
	require.Contains(t, stderr, "Using runs/the newest, the newest run here (lora on "+filepath.Base(base)+").\n"+
		"Others are chosen by their flags:\n  --adapter_name_or_path runs/stopped\n  --model_name_or_path runs/full\n"+
		"  --adapter_name_or_path runs/old\n")
	code, _, stderr = call("/quit\n", "chat")
	require.Zero(t, code)
	require.Contains(t, stderr, "Using runs/the newest")

	code, _, stderr = call("", "merge")
	require.Equal(t, exitUsage, code)
	require.Equal(t, []string{"merge", "merge", "merge"}, runPrinted(t, stderr), stderr)
	code, _, stderr = call("", "export")
	require.Equal(t, exitUsage, code)
	require.Equal(t, []string{"export", "export", "export", "export"}, runPrinted(t, stderr), stderr)

	t.Chdir(filepath.Join("runs", "full"))
	_, _, stderr = call("", ask...)
	require.Contains(t, stderr, "Using ., the newest run here (full).\n")
}

func TestWithoutAModelPlanAndInspectAreOfTheDemonstration(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for command, want := range map[string]string{"plan": "steps: 225", "inspect": "⟦ Anna works as a nurse.</s>⟧"} {
		code, stdout, stderr := call("", command)
		require.Zero(t, code, stderr)
		require.Contains(t, stderr, "this is the run of fettle demo")
		require.Contains(t, stdout, want)
	}
}

func TestAnAdaptersOwnSettingsOfGenerationGoWithIt(t *testing.T) {
	base, set, dir := tiny(t, tinymodel.Config{}), rows(t, 8), t.TempDir()
	run, own := filepath.Join(dir, "run"), "{\"do_sample\": false}"
	must(t, training(base, set, run)...)
	write(t, run, "generation_config.json", own)
	must(t, "export", "--adapter_name_or_path", run, "--format", "peft", "--output_dir", filepath.Join(dir, "exported"))
	must(t, "merge", "--adapter_name_or_path", run, "--output_dir", filepath.Join(dir, "merged"))
	must(t, training(base, set, filepath.Join(dir, "next"), "--adapter_name_or_path", run)...)
	for _, name := range []string{"exported", "merged", "next", "next/checkpoint-000004"} {
		text, err := os.ReadFile(filepath.Join(dir, name, "generation_config.json"))
		require.NoError(t, err)
		require.Contains(t, string(text), `"do_sample": false`, name)
	}
	said := must(t, training(base, set, filepath.Join(dir, "none"))...)
	require.NoFileExists(t, filepath.Join(dir, "none", "generation_config.json"), said)
}
