package model_test

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
	"fettle/model"
)

// goldenRun decodes golden.json of a reference training run, in float64.
type goldenRun struct {
	DataSet string `json:"data_set"`
	Step    struct {
		LR       []float64 `json:"lr"`
		Loss     []float64 `json:"loss"`
		Learned  []float64 `json:"learned_tokens"`
		GradNorm []float64 `json:"grad_norm"`
	} `json:"step"`
	GradL2    map[string]map[string]float64 `json:"grad_l2"`
	FinalL2   map[string]float64            `json:"final_l2"`
	After     float64                       `json:"loss_step1_batch_after"`
	Tolerance struct {
		LossFirst5     float64 `json:"loss_first5"`
		Loss           float64 `json:"loss"`
		GradNormFirst5 float64 `json:"grad_norm_first5"`
		GradNorm       float64 `json:"grad_norm"`
		GradL2         float64 `json:"grad_l2"`
		FinalL2        float64 `json:"final_l2"`
		After          float64 `json:"loss_after"`
	} `json:"tolerance_float32"`
}

type goldenSteps struct {
	Steps []struct {
		Seqs []struct {
			IDs    []int32 `json:"ids"`
			Labels []int32 `json:"labels"`
		} `json:"seqs"`
		Tree struct {
			Tokens []int32 `json:"tokens"`
		} `json:"tree"`
	} `json:"steps"`
}

// TestGoldenRuns repeats full fine-tuning, with a tied head and with one of its own, and LoRA with shared prefixes.
func TestGoldenRuns(t *testing.T) {
	for _, name := range realModels {
		for _, c := range []struct {
			run    string
			open   func(t *testing.T, dir string) (*model.Model, *adapter.Set)
			layout func(tokens, labels [][]int32) *model.Batch
		}{
			{"g_full_tied", openFull, model.Pack},
			{"g2_full_untied", openUntied, model.Pack},
			{"j_lora_qv_tree", openLoRA, model.PackShared},
		} {
			t.Run(name+" "+c.run, func(t *testing.T) {
				dir := shared(t, "golden", "training", name, c.run)
				var run goldenRun
				readJSON(t, filepath.Join(dir, "golden.json"), &run)
				var data map[string]goldenSteps
				readSteps(t, filepath.Join(dir, "..", "data.json"), &data)
				m, set := c.open(t, dir)
				replay(t, run, data[run.DataSet], m, set, c.layout)
			})
		}
	}
}

// readSteps reads the data sets among the entries of data.json.
func readSteps(t *testing.T, path string, into *map[string]goldenSteps) {
	var file struct{ Main, Tree goldenSteps }
	readJSON(t, path, &file)
	*into = map[string]goldenSteps{"main": file.Main, "tree": file.Tree}
}

func openLoRA(t *testing.T, dir string) (*model.Model, *adapter.Set) {
	base, err := model.Load(filepath.Join(dir, "..", "base"), fast(t, 2))
	require.NoError(t, err)
	set, err := adapter.Load(filepath.Join(dir, "init"), base)
	require.NoError(t, err)
	return base.With(set.Delta), set
}

func openFull(t *testing.T, dir string) (*model.Model, *adapter.Set) {
	m, err := model.Load(filepath.Join(dir, "..", "base"), fast(t, 2))
	require.NoError(t, err)
	set, err := adapter.New(adapter.Full{}, m, 0)
	require.NoError(t, err)
	return m, set
}

// openUntied gives the model a head of its own that starts as the embedding.
func openUntied(t *testing.T, dir string) (*model.Model, *adapter.Set) {
	base := filepath.Join(dir, "..", "base")
	c, err := model.ReadConfig(base)
	require.NoError(t, err)
	f, err := safetensors.Open(filepath.Join(base, "model.safetensors"))
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	tensors := map[string]checkpoint.Tensor{}
	for _, name := range f.Names() {
		tensors[name], _ = f.Tensor(name)
	}
	c.Tied = false
	tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"]
	m, err := model.New(c, tensors, fast(t, 2))
	require.NoError(t, err)
	set, err := adapter.New(adapter.Full{}, m, 0)
	require.NoError(t, err)
	return m, set
}

// replay takes the steps of a run and compares losses, gradients and the result.
func replay(
	t *testing.T, run goldenRun, data goldenSteps, m *model.Model, set *adapter.Set,
	layout func(tokens, labels [][]int32) *model.Batch,
) {
	batch := func(k int) *model.Batch {
		var tokens, labels [][]int32
		for _, s := range data.Steps[k].Seqs {
			tokens, labels = append(tokens, s.IDs), append(labels, s.Labels)
		}
		b := layout(tokens, labels)
		if tree := data.Steps[k].Tree.Tokens; tree != nil {
			require.LessOrEqual(t, len(b.Tokens), len(tree), "rows of step %d", k)
		}
		return b
	}
	require.NoError(t, set.Refresh())
	m.Keep(1 << 30)
	o := newAdamW(set.Params())
	worstLoss, worstNorm := 0.0, 0.0
	for k := range data.Steps {
		set.ZeroGrad()
		losses, err := m.Gradients(batch(k), model.Uniform(1/run.Step.Learned[k]))
		require.NoError(t, err)
		require.NoError(t, set.Finish())
		tolerance, forNorm := run.Tolerance.Loss, run.Tolerance.GradNorm
		if k < 5 {
			tolerance, forNorm = run.Tolerance.LossFirst5, run.Tolerance.GradNormFirst5
		}
		loss, norm := total(losses)/run.Step.Learned[k], o.norm()
		require.InEpsilon(t, run.Step.Loss[k], loss, tolerance, "loss of step %d", k+1)
		require.InEpsilon(t, run.Step.GradNorm[k], norm, forNorm, "gradient norm of step %d", k+1)
		worstLoss = max(worstLoss, math.Abs(loss/run.Step.Loss[k]-1))
		worstNorm = max(worstNorm, math.Abs(norm/run.Step.GradNorm[k]-1))
		if k == 0 {
			for _, p := range set.Params() {
				require.InDelta(t, run.GradL2["step1"][p.Name], l2(p.Grad), run.Tolerance.GradL2*norm, p.Name)
			}
		}
		o.step(run.Step.LR[k], 1/max(1, norm+1e-6))
		require.NoError(t, set.Refresh())
	}
	losses, err := m.Loss(batch(0))
	require.NoError(t, err)
	require.InEpsilon(t, run.After, total(losses)/run.Step.Learned[0], run.Tolerance.After, "loss after the run")
	for _, p := range set.Params() {
		require.InEpsilon(t, run.FinalL2[p.Name], l2(p.Data), run.Tolerance.FinalL2, p.Name)
	}
	t.Logf("largest deviations: loss %.1e, gradient norm %.1e", worstLoss, worstNorm)
}

// adamW is the optimizer of the runs, in float64: betas 0.9 and 0.999, no weight decay.
type adamW struct {
	params []*adapter.Param
	m, v   [][]float64
	t      float64
}

func newAdamW(params []*adapter.Param) *adamW {
	o := &adamW{params: params}
	for _, p := range params {
		o.m, o.v = append(o.m, make([]float64, len(p.Data))), append(o.v, make([]float64, len(p.Data)))
	}
	return o
}

func l2(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}

func (o *adamW) norm() float64 {
	sum := 0.0
	for _, p := range o.params {
		sum += l2(p.Grad) * l2(p.Grad)
	}
	return math.Sqrt(sum)
}

// step updates with the gradients times clip.
func (o *adamW) step(lr, clip float64) {
	o.t++
	c1, c2 := 1-math.Pow(0.9, o.t), 1-math.Pow(0.999, o.t)
	for i, p := range o.params {
		for j := range p.Data {
			g := clip * float64(p.Grad[j])
			o.m[i][j] = 0.9*o.m[i][j] + 0.1*g
			o.v[i][j] = 0.999*o.v[i][j] + 0.001*g*g
			p.Data[j] -= float32(lr / c1 * o.m[i][j] / (math.Sqrt(o.v[i][j]/c2) + 1e-8))
		}
	}
}
