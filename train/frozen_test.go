package train

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/data"
	"fettle/model"
)

// baseLogits returns the logits of a job's base, without its adapter, on one of its sequences.
func baseLogits(t *testing.T, j Job) []float32 {
	e := j.Training[0]
	rows := make([]int, len(e.Tokens))
	for i := range rows {
		rows[i] = i
	}
	z, err := j.Adapter.Bare().Logits(model.Pack([][]int32{e.Tokens}, [][]int32{e.Labels}), rows)
	require.NoError(t, err)
	return z
}

// The logits of the base are the same bits after a run, and after one that was stopped and continued; those of the
// model with its adapter are not.
func TestA6FrozenWeightsStayAsTheyAre(t *testing.T) {
	for _, name := range []string{"LoRA", "LLaMA-Adapter"} {
		t.Run(name, func(t *testing.T) {
			j := job(t, methods[name], 2)
			want := baseLogits(t, j)
			c := config(t.TempDir())
			stopped := &countdown{Context: context.Background(), left: 7}
			_, _ = Run(stopped, c, j)
			require.Equal(t, want, baseLogits(t, j))

			again := job(t, methods[name], 2)
			finish(t, c, again)
			require.Equal(t, want, baseLogits(t, again))
			e := again.Training[0]
			tuned, err := again.Model.Logits(model.Pack([][]int32{e.Tokens}, [][]int32{e.Labels}), []int{len(e.Tokens) - 1})
			require.NoError(t, err)
			require.NotEqual(t, want[len(want)-len(tuned):], tuned)
		})
	}
}

// With all gates at zero, where they begin, an adaption prompt has no gradient and its gates have: only gates move in
// the first step. In the second every row of every prompt has a gradient. A key or value of the prompts that was kept
// from an earlier pass would leave them without one.
func TestA7A8PromptsLearnFromTheSecondStepOn(t *testing.T) {
	for _, gates := range []string{adapter.PerHead, adapter.Scalar} {
		method := adapter.LLaMAAdapter{Len: 3, Layers: 2, Gate: gates, GateActivation: adapter.Tanh}
		if gates == adapter.Scalar {
			method.GateActivation = adapter.None
		}
		j := job(t, method, 2)
		c := config(t.TempDir())
		s := newSteps(c, len(j.Training))
		rates, err := newSchedule(c, s.total)
		require.NoError(t, err)
		r := &run{config: c, job: j, steps: s, schedule: rates,
			optimizer: newAdamW(c, j.Model.Device(), j.Adapter.Params())}
		_, _, err = r.evaluate(context.Background()) // as a run does before its first step
		require.NoError(t, err)
		for step := range 2 {
			j.Adapter.ZeroGrad()
			gradientOf(t, r, data.InOrder(len(j.Training)))
			for _, p := range j.Adapter.Params() {
				if strings.Contains(p.Name, "gate") {
					require.NotZero(t, largest(p.Grad), "step %d: %s", step+1, p.Name)
					continue
				}
				for row := range 3 {
					width := len(p.Grad) / 3
					g := largest(p.Grad[row*width:][:width])
					require.Equal(t, step > 0, g > 0, "step %d: row %d of %s", step+1, row, p.Name)
				}
			}
			for _, p := range j.Adapter.Params() {
				for i := range p.Data {
					p.Data[i] -= 0.1 * p.Grad[i]
				}
			}
			require.NoError(t, j.Adapter.Refresh())
		}
	}
}

func largest(all []float32) (most float32) {
	for _, v := range all {
		most = max(most, v, -v)
	}
	return most
}
