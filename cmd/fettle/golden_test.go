package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
	"fettle/internal/compute/cpu"
	"fettle/model"
)

// TestGoldenRuns replays the reference runs through `fettle train` itself and
// holds every number to the tolerance its file states for float32. Most of the larger model's take FETTLE_LONG=1.
func TestGoldenRuns(t *testing.T) {
	root := filepath.Join(sharedData(t), "golden", "training")
	for _, name := range []string{"stories260K", "babyllama_tok361"} {
		for _, c := range []struct {
			run   string
			flags []string
		}{
			{"a_lora_qv", nil},
			{"b_lora_all7_wd", nil},
			{"b2_lora_all7_strong_wd", nil},
			{"c_rslora_qkvo", nil},
			{"e_llama_adapter_official", []string{"--finetuning_type", "llama-adapter", "--gate", "per_head",
				"--gate_activation", "tanh"}},
			{"f_peft_adaption_prompt", []string{"--finetuning_type", "llama-adapter", "--gate", "scalar",
				"--gate_activation", "none"}},
			{"h_lora_qv_accum2x2", []string{"--per_device_train_batch_size", "2", "--gradient_accumulation_steps",
				"2"}},
			{"i_lora_qv_packed", nil},
			{"j_lora_qv_tree", nil},
			{"j_lora_qv_tree", []string{"--share_prefix", "true"}},
			{"g_full_tied", []string{"--finetuning_type", "full"}},
			{"g2_full_untied", []string{"--finetuning_type", "full"}},
		} {
			t.Run(strings.Join(append([]string{name + "/" + c.run}, c.flags...), " "), func(t *testing.T) {
				if name == "babyllama_tok361" && !strings.HasPrefix(c.run, "b2") && os.Getenv("FETTLE_LONG") == "" {
					t.Skip("takes seconds, like many others; set FETTLE_LONG=1")
				}
				beside(t)
				dir := filepath.Join(root, name, c.run)
				run, data := readGolden(t, dir)
				out := replay(t, dir, run, data, c.flags)
				got := compare(t, dir, out, run, data)
				t.Logf("| %s | %s |%s", name, c.run, got)
				got.within(t, *run.Tolerance)
			})
		}
	}
}

// beside lets a test run beside others. Commands set the collector's percentage and put back what they found, which is
// another's then: what follows must not collect with it.
func beside(t *testing.T) {
	t.Parallel()
	t.Cleanup(func() { debug.SetGCPercent(100) })
}

// replay trains as the golden run did and returns the output directory.
func replay(t *testing.T, dir string, run goldenRun, data goldenData, flags []string) string {
	set, out := filepath.Join(t.TempDir(), "steps.jsonl"), filepath.Join(t.TempDir(), "run")
	writeTokenized(t, set, data, run.DataSet)
	o := run.Optimizer
	schedule := map[string]string{"constant": "constant", "warmup_half_cosine": "cosine"}[o.Schedule]
	base := filepath.Join(dir, "..", "base")
	if run.Method.Method == "full_untied" {
		base = untied(t, base)
	}
	args := []string{
		"train", "--model_name_or_path", base, "--output_dir", out,
		"--dataset", set, "--dataset_format", "tokenized", "--shuffle=false", "--val_size", "0", "--compute", "f32",
		"--per_device_train_batch_size", "4", "--gradient_accumulation_steps", "1", "--num_train_epochs", "1",
		"--learning_rate", fmt.Sprint(o.LR), "--lr_scheduler_type", schedule, "--warmup_steps", fmt.Sprint(o.WarmUp),
		"--warmup_ratio", "0",
		"--adam_beta1", fmt.Sprint(o.Betas[0]), "--adam_beta2", fmt.Sprint(o.Betas[1]), "--adam_epsilon",
		fmt.Sprint(o.Epsilon),
		"--weight_decay", fmt.Sprint(o.WeightDecay), "--max_grad_norm", fmt.Sprint(o.MaxGradNorm), "--lora_dropout",
		"0",
	}
	if !strings.HasPrefix(run.Method.Method, "full") {
		args = append(args, "--adapter_name_or_path", filepath.Join(dir, "init"))
	}
	var stdout, stderr bytes.Buffer
	code := execute(append(args, flags...), strings.NewReader(""), &stdout, &stderr)
	require.Zero(t, code, "%s\n%s", stdout.String(), stderr.String())
	return out
}

// compare measures a finished run against its golden numbers.
func compare(t *testing.T, dir, out string, run goldenRun, data goldenData) deviations {
	var d deviations
	metrics := trainRows(t, filepath.Join(out, "metrics.jsonl"))
	require.Len(t, metrics, len(run.Step.Loss))
	for k, m := range metrics {
		require.Equal(t, run.Step.Learned[k], m.Learned, "learned tokens of step %d", k+1)
		require.InDelta(t, run.Step.LR[k], m.LR, 1e-15, "learning rate of step %d", k+1)
		loss, norm := relative(m.Loss, run.Step.Loss[k]), relative(m.GradNorm, run.Step.GradNorm[k])
		d.Loss, d.GradNorm = max(d.Loss, loss), max(d.GradNorm, norm)
		if k < 5 {
			d.LossFirst5, d.GradNormFirst5 = max(d.LossFirst5, loss), max(d.GradNormFirst5, norm)
		}
	}
	full := strings.HasPrefix(run.Method.Method, "full")
	compareTensors(t, dir, out, run, full, &d)

	dev, err := cpu.New(cpu.Options{Compute: "f32"})
	require.NoError(t, err)
	var m *model.Model
	if full {
		m, err = model.Load(out, dev)
		require.NoError(t, err)
	} else {
		m, err = model.Load(filepath.Join(dir, "..", "base"), dev)
		require.NoError(t, err)
		set, err := adapter.Load(out, m)
		require.NoError(t, err)
		m = set.Model()
	}
	for _, p := range run.Probes {
		logits, err := m.Logits(model.Pack([][]int32{p.IDs}, nil), []int{len(p.IDs) - 1})
		require.NoError(t, err)
		for i, want := range p.After.Logits {
			d.Logits = max(d.Logits, math.Abs(float64(logits[i])-want))
		}
		require.Equal(t, p.After.Greedy, greedy(t, m, p.IDs, len(p.After.Greedy)), "greedy continuation of probe %s",
			p.Name)
	}
	d.LossAfter = relative(firstBatchLoss(t, m, run, data), run.LossAfter)
	return d
}

// compareTensors holds the saved tensors against the golden ones. update is
// the relative error of the change by training: |ours - golden| / |golden - initial|.
func compareTensors(t *testing.T, dir, out string, run goldenRun, full bool, d *deviations) {
	ours := tensors(t, out, full)
	for name, want := range run.FinalL2 {
		d.FinalL2 = max(d.FinalL2, relative(l2(ours[name]), want))
	}
	start := filepath.Join(dir, "init")
	if full {
		start = filepath.Join(dir, "..", "base")
	}
	golden, initial := tensors(t, filepath.Join(dir, "final"), full), tensors(t, start, full)
	if golden == nil {
		return
	}
	var wrong, moved float64
	for name, want := range golden {
		got, start := ours[name], initial[name]
		require.Len(t, got, len(want), "tensor %s", name)
		for i := range want {
			e := float64(got[i]) - float64(want[i])
			d.FinalElement = max(d.FinalElement, math.Abs(e))
			wrong += e * e
			step := float64(want[i])
			if start != nil {
				step -= float64(start[i])
			}
			moved += step * step
		}
	}
	d.FinalUpdate = math.Sqrt(wrong / moved)
}

// tensors reads the adapter, or with full the weights, of a directory;
// nil where there is none.
func tensors(t *testing.T, dir string, full bool) map[string][]float32 {
	names := []string{"adapter_official.safetensors", "adapter_model.safetensors"}
	if full {
		names = []string{"model.safetensors"}
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err != nil {
			continue
		}
		f, err := safetensors.Open(path)
		require.NoError(t, err)
		defer f.Close()
		all := map[string][]float32{}
		for _, n := range f.Names() {
			tensor, _ := f.Tensor(n)
			all[n], err = checkpoint.Float32s(tensor)
			require.NoError(t, err)
		}
		return all
	}
	return nil
}

// firstBatchLoss is the loss of step 1's batch after training.
func firstBatchLoss(t *testing.T, m *model.Model, run goldenRun, data goldenData) float64 {
	steps := data.Main.Steps
	if run.DataSet == "tree" {
		steps = data.Tree.Steps
	}
	var tokens, labels [][]int32
	for _, s := range steps[0].Seqs {
		tokens, labels = append(tokens, s.IDs), append(labels, s.Labels)
	}
	b := model.Pack(tokens, labels)
	losses, err := m.Loss(b)
	require.NoError(t, err)
	sum := 0.0
	for _, l := range losses {
		sum += l
	}
	return sum / float64(len(b.Targets))
}

// greedy continues ids with the n most probable tokens.
func greedy(t *testing.T, m *model.Model, ids []int32, n int) []int32 {
	s := m.NewSession(len(ids) + n)
	logits, err := s.Decode(ids)
	require.NoError(t, err)
	var out []int32
	for range n {
		best := int32(0)
		for i, v := range logits {
			if v > logits[best] {
				best = int32(i)
			}
		}
		out = append(out, best)
		logits, err = s.Decode([]int32{best})
		require.NoError(t, err)
	}
	return out
}

type trainRow struct {
	Step     int
	Loss     *float64 `json:"loss"`
	GradNorm float64  `json:"grad_norm"`
	LR       float64  `json:"learning_rate"`
	Learned  int      `json:"learned_tokens"`
}

type metricsRow struct {
	Step, Learned      int
	Loss, GradNorm, LR float64
}

// trainRows reads the optimizer steps of a metrics file.
func trainRows(t *testing.T, path string) []metricsRow {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var rows []metricsRow
	for line := range strings.Lines(string(text)) {
		var r trainRow
		require.NoError(t, json.Unmarshal([]byte(line), &r), line)
		if r.Loss != nil {
			rows = append(rows, metricsRow{r.Step, r.Learned, *r.Loss, r.GradNorm, r.LR})
		}
	}
	require.True(t, slices.IsSortedFunc(rows, func(a, b metricsRow) int { return a.Step - b.Step }))
	return rows
}

// String is a row of the table in docs/NUMERICS.md.
func (d deviations) String() string {
	return fmt.Sprintf(" %.1e | %.1e | %.1e | %.1e | %.1e | %.1e |", d.Loss, d.GradNorm, d.FinalUpdate, d.FinalElement,
		d.Logits, d.LossAfter)
}

// within fails the test where d exceeds the tolerance.
func (d deviations) within(t *testing.T, tolerance deviations) {
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"loss, first five steps", d.LossFirst5, tolerance.LossFirst5},
		{"loss", d.Loss, tolerance.Loss},
		{"gradient norm, first five steps", d.GradNormFirst5, tolerance.GradNormFirst5},
		{"gradient norm", d.GradNorm, tolerance.GradNorm},
		{"norm of final tensors", d.FinalL2, tolerance.FinalL2},
		{"update", d.FinalUpdate, tolerance.FinalUpdate},
		{"final elements", d.FinalElement, tolerance.FinalElement},
		{"probe logits", d.Logits, tolerance.Logits},
		{"loss of the first batch after training", d.LossAfter, tolerance.LossAfter},
	} {
		if !(c.got <= c.want) {
			t.Errorf("%s: deviation %.2e, want at most %.0e", c.what, c.got, c.want)
		}
	}
}

func relative(got, want float64) float64 {
	if got == want {
		return 0
	}
	return math.Abs(got-want) / math.Abs(want)
}

func l2(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}

// untied copies a tied model and gives its head an array of its own.
func untied(t *testing.T, base string) string {
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join(base, "config.json"))
	require.NoError(t, err)
	text = bytes.Replace(text, []byte(`"tie_word_embeddings": true`), []byte(`"tie_word_embeddings": false`), 1)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), text, 0o644))
	f, err := safetensors.Open(filepath.Join(base, "model.safetensors"))
	require.NoError(t, err)
	defer f.Close()
	var all []checkpoint.Tensor
	for _, name := range f.Names() {
		tensor, _ := f.Tensor(name)
		all = append(all, tensor)
		if name == "model.embed_tokens.weight" {
			tensor.Name = "lm_head.weight"
			all = append(all, tensor)
		}
	}
	out, err := os.Create(filepath.Join(dir, "model.safetensors"))
	require.NoError(t, err)
	require.NoError(t, safetensors.Encode(out, all, nil))
	require.NoError(t, out.Close())
	return dir
}
