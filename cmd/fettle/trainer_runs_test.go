package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// trainerRun is expected.json of a run of Hugging Face's Trainer in golden/peft/runs of the reference data, whose
// README defines the fields.
type trainerRun struct {
	Base     string
	Data     string
	Method   string
	Settings map[string]any
	Patience int `json:"early_stopping_patience"`
	Steps    int
	Step     struct {
		Loss, Epoch []float64
		GradNorm    []float64 `json:"grad_norm"`
		Rate        []float64 `json:"learning_rate"`
	}
	Eval     [][2]float64       // step and loss
	BestStep int                `json:"best_step"`
	FinalL2  map[string]float64 `json:"final_l2"`
}

// differing lists the runs that differ from Trainer's, and why.
func differing() map[string]string {
	return map[string]string{
		"eval_mean_of_batches": "eval_loss is a mean over all learned tokens here, of the batches' means there",
		"dora":                 "DoRA is refused",
	}
}

// The runs of Hugging Face's Trainer and PEFT with the same settings: learning rates and epochs are equal, losses and
// norms within the rounding of float32. A third of them, all with FETTLE_LONG=1.
func TestRunsEqualTrainers(t *testing.T) {
	root := filepath.Join(sharedData(t), "golden", "peft", "runs")
	found, err := filepath.Glob(filepath.Join(root, "*", "expected.json"))
	require.NoError(t, err)
	if len(found) == 0 {
		t.Skip("no runs of Trainer in the reference data")
	}
	equal := 0
	for i, path := range found {
		dir := filepath.Dir(path)
		name := filepath.Base(dir)
		t.Run(name, func(t *testing.T) {
			if i%3 > 0 && os.Getenv("FETTLE_LONG") == "" {
				t.Skip("takes seconds, like many others; set FETTLE_LONG=1")
			}
			beside(t)
			var want trainerRun
			readJSON(t, path, &want)
			out, code, said := retrain(t, dir, want)
			if name == "dora" {
				require.NotZero(t, code)
				require.Contains(t, said, "dora")
				return
			}
			require.Zero(t, code, said)
			want.compare(t, out, differing()[name])
		})
		if differing()[name] == "" {
			equal++
		}
	}
	require.Equal(t, 18, equal)
}

// retrain trains with a run's settings, and returns the output directory, the exit code and what was said.
func retrain(t *testing.T, dir string, run trainerRun) (out string, code int, said string) {
	out = filepath.Join(t.TempDir(), "run")
	base := filepath.Join(dir, "..", "..", run.Base)
	var data goldenData
	readJSON(t, filepath.Join(filepath.Dir(base), "data.json"), &data)
	rows := 0
	if _, after, cut := strings.Cut(run.Data, ", the first "); cut {
		_, err := fmt.Sscan(after, &rows)
		require.NoError(t, err)
	}
	set := func(part string, rows int) string {
		path := filepath.Join(t.TempDir(), part+".jsonl")
		writeTokenized(t, path, data, part)
		if text, err := os.ReadFile(path); rows > 0 {
			require.NoError(t, err)
			lines := bytes.SplitAfter(text, []byte("\n"))
			require.NoError(t, os.WriteFile(path, bytes.Join(lines[:rows], nil), 0o600))
		}
		return path
	}
	args := []string{"train", "--model_name_or_path", base, "--output_dir", out, "--dataset", set("main", rows),
		"--dataset_format", "tokenized", "--shuffle=false", "--compute", "f32", "--adam_beta2", "0.999"}
	if run.Method == "full" {
		args = append(args, "--finetuning_type", "full")
	} else {
		args = append(args, "--adapter_name_or_path", filepath.Join(dir, "init"))
	}
	if run.Eval != nil {
		args = append(args, "--eval_dataset", set("tree", 14), "--allow", "leakage") // the sets have sequences in common
	}
	if run.Patience > 0 {
		args = append(args, "--early_stopping_patience", fmt.Sprint(run.Patience))
	}
	if _, some := run.Settings["warmup_steps"]; !some {
		args = append(args, "--warmup_steps", "0")
	}
	for _, key := range slices.Sorted(maps.Keys(run.Settings)) {
		switch value := run.Settings[key]; {
		case slices.Contains([]string{"eval_strategy", "save_strategy", "per_device_eval_batch_size"}, key):
		case key == "max_steps" && value == -1.0:
		default:
			args = append(args, "--"+key+"="+fmt.Sprint(value))
		}
	}
	var stdout, stderr bytes.Buffer
	code = execute(args, strings.NewReader(""), &stdout, &stderr)
	return out, code, stdout.String() + stderr.String()
}

// compare holds a finished run to Trainer's. differs is the reason why its evaluations differ, "" if they do not.
func (want trainerRun) compare(t *testing.T, out, differs string) {
	loss, norm := 2e-6, 2e-5
	if rate := want.Settings["learning_rate"].(float64); rate >= 0.02 { // rounding grows with the rate
		loss, norm = 4e-5, 5e-4
	}
	text, err := os.ReadFile(filepath.Join(out, "metrics.jsonl"))
	require.NoError(t, err)
	step, most := 0, [3]float64{}
	var evals [][2]float64
	for line := range strings.Lines(string(text)) {
		var row struct {
			Step        int
			Loss, Epoch float64
			GradNorm    float64  `json:"grad_norm"`
			Rate        float64  `json:"learning_rate"`
			Eval        *float64 `json:"eval_loss"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		if row.Eval != nil {
			if row.Step > 0 {
				evals = append(evals, [2]float64{float64(row.Step), *row.Eval})
			}
			continue
		}
		require.Less(t, step, want.Steps)
		require.Equal(t, want.Step.Rate[step], row.Rate, "rate of step %d", row.Step)
		require.Equal(t, want.Step.Epoch[step], row.Epoch, "epoch of step %d", row.Step)
		require.InEpsilon(t, want.Step.Loss[step], row.Loss, loss, "loss of step %d", row.Step)
		require.InEpsilon(t, want.Step.GradNorm[step], row.GradNorm, norm, "norm of step %d", row.Step)
		most[0] = max(most[0], relative(row.Loss, want.Step.Loss[step]))
		most[1] = max(most[1], relative(row.GradNorm, want.Step.GradNorm[step]))
		step++
	}
	require.Equal(t, want.Steps, step)
	if differs != "" {
		t.Log(differs)
		return
	}
	require.Len(t, evals, len(want.Eval))
	for i, e := range want.Eval {
		require.Equal(t, e[0], evals[i][0])
		require.InEpsilon(t, e[1], evals[i][1], loss, "evaluation at step %v", e[0])
	}
	if want.BestStep > 0 {
		best, err := os.Readlink(filepath.Join(out, "best"))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("checkpoint-%06d", want.BestStep), filepath.Base(best))
	}
	tensors := tensors(t, out, want.Method == "full")
	for name, l := range want.FinalL2 {
		require.Contains(t, tensors, name)
		require.InEpsilon(t, l, l2(tensors[name]), 10*loss, name)
		most[2] = max(most[2], relative(l2(tensors[name]), l))
	}
	t.Logf("largest relative differences: loss %.1e, gradient norm %.1e, L2 of a tensor %.1e", most[0], most[1], most[2])
	require.False(t, math.IsNaN(most[0]+most[1]+most[2]))
}
