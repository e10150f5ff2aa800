package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// goldenRun holds the part of golden/training/<model>/<run>/golden.json that the tests read. golden/training/README.md
// in the reference data defines every field.
type goldenRun struct {
	DataSet string `json:"data_set"`
	Layout  string
	Method  struct {
		Method string
	}
	Optimizer struct {
		LR          float64
		Schedule    string
		WarmUp      int `json:"warmup_steps"`
		Betas       [2]float64
		Epsilon     float64 `json:"eps"`
		WeightDecay float64 `json:"weight_decay"`
		MaxGradNorm float64 `json:"max_grad_norm"`
	}
	Step struct {
		LR, Loss []float64
		Learned  []int     `json:"learned_tokens"`
		GradNorm []float64 `json:"grad_norm"`
	}
	FinalL2   map[string]float64 `json:"final_l2"`
	LossAfter float64            `json:"loss_step1_batch_after"`
	Probes    []struct {
		Name          string
		IDs           []int32
		Before, After struct {
			Logits    []float64 `json:"logits32"`
			LogSumExp float64
			Greedy    []int32 `json:"greedy24"`
		}
	}
	Deviation, Tolerance *deviations
}

// deviations holds the largest differences of a run from its golden numbers: losses, norms and updates relative,
// elements and logits absolute.
type deviations struct {
	LossFirst5     float64 `json:"loss_first5"`
	Loss           float64 `json:"loss"`
	GradNormFirst5 float64 `json:"grad_norm_first5"`
	GradNorm       float64 `json:"grad_norm"`
	FinalL2        float64 `json:"final_l2"`
	FinalUpdate    float64 `json:"final_update"`
	FinalElement   float64 `json:"final_element_abs"`
	Logits         float64 `json:"probe_logits_abs"`
	LossAfter      float64 `json:"loss_after"`
}

// goldenData is data.json: the sequences of every step.
type goldenData struct {
	Main, Tree struct {
		Steps []struct {
			Seqs []struct {
				IDs    []int32 `json:"ids"`
				Labels []int32 `json:"labels"`
			}
		}
	}
}

// readGolden reads a run and the data of its model; it skips without them.
func readGolden(t *testing.T, dir string) (goldenRun, goldenData) {
	var run goldenRun
	var file struct {
		Deviation *deviations `json:"float32_deviation"`
		Tolerance *deviations `json:"tolerance_float32"`
	}
	readJSON(t, filepath.Join(dir, "golden.json"), &run)
	readJSON(t, filepath.Join(dir, "golden.json"), &file)
	run.Deviation, run.Tolerance = file.Deviation, file.Tolerance
	if run.Tolerance == nil { // section 6 of the README says what to allow then
		d := *run.Deviation
		run.Tolerance = &deviations{
			LossFirst5: max(10*d.LossFirst5, 2e-5), Loss: max(10*d.Loss, 2e-5),
			GradNormFirst5: max(10*d.GradNormFirst5, 2e-4), GradNorm: max(10*d.GradNorm, 2e-4),
			FinalL2: max(10*d.FinalL2, 1e-4), FinalUpdate: max(10*d.FinalUpdate, 1e-2),
			FinalElement: max(10*d.FinalElement, 5e-4),
			Logits:       max(10*d.Logits, 2e-4), LossAfter: max(10*d.LossAfter, 2e-5),
		}
	}
	var data goldenData
	readJSON(t, filepath.Join(filepath.Dir(dir), "data.json"), &data)
	return run, data
}

func readJSON(t *testing.T, path string, into any) {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, into), path)
}

// writeTokenized writes the sequences as `fettle train` reads them.
func writeTokenized(t *testing.T, path string, d goldenData, set string) {
	steps := d.Main.Steps
	if set == "tree" {
		steps = d.Tree.Steps
	}
	f, err := os.Create(path)
	require.NoError(t, err)
	out := json.NewEncoder(f)
	for _, s := range steps {
		for _, q := range s.Seqs {
			require.NoError(t, out.Encode(map[string]any{"input_ids": q.IDs, "labels": q.Labels}))
		}
	}
	require.NoError(t, f.Close())
}
