package train

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/data"
	"fettle/internal/compute/ref"
	"fettle/model"
	"fettle/train/report"
)

// begun returns a run before its first step. Its adapter has an effect, so that every parameter has a gradient.
func begun(t *testing.T, c Config, method adapter.Method) *run {
	j := job(t, method, 2)
	r := beginning(c, j)
	require.NoError(t, j.Adapter.Refresh())
	return r
}

// beginning returns a run of the job before its first step and gives its adapter an effect.
func beginning(c Config, j Job) *run {
	for _, p := range j.Adapter.Params() {
		for i := range p.Data {
			p.Data[i] += 0.05 * float32(i%7-3)
		}
	}
	s := newSteps(c, len(j.Training))
	rates, err := newSchedule(c, s.total)
	if err != nil {
		panic(err)
	}
	return &run{
		config: c, job: j, steps: s, schedule: rates,
		optimizer: newAdamW(c, j.Model.Device(), j.Adapter.Params()),
	}
}

// gradientOf returns the gradient of a step on these examples, and the row of the log.
func gradientOf(t *testing.T, r *run, examples []int) ([]float32, report.StepRow) {
	row, err := r.gradients(context.Background(), 0, examples)
	require.NoError(t, err)
	var all []float32
	for _, p := range r.job.Adapter.Params() {
		all = append(all, p.Grad...)
	}
	return all, row
}

// distance returns |a−b|/|b|.
func distance(a, b []float32) float64 {
	var apart, size float64
	for i := range a {
		apart += float64(a[i]-b[i]) * float64(a[i]-b[i])
		size += float64(b[i]) * float64(b[i])
	}
	return math.Sqrt(apart / size)
}

// The gradient of a batch of unequal lengths has the same bits for every division into micro-batches; the mean of the
// micro-batches' means is a different one.
func TestT20AccumulationIsNormalisedOnce(t *testing.T) {
	for name, method := range methods {
		t.Run(name, func(t *testing.T) {
			step := data.InOrder(8)
			var want []float32
			for _, batch := range []int{8, 4, 2, 1, 3} {
				c := config(t.TempDir())
				c.BatchSize, c.Accumulation = batch, (8+batch-1)/batch
				got, _ := gradientOf(t, begun(t, c, method), step)
				if want == nil {
					want = got
				}
				require.Equal(t, want, got, "micro-batches of %d", batch)
			}
			naive := make([]float32, len(want))
			for i := range step {
				one, _ := gradientOf(t, begun(t, config(t.TempDir()), method), step[i:i+1])
				for k := range one {
					naive[k] += one[k] / float32(len(step))
				}
			}
			require.Greater(t, distance(naive, want), 0.01, "the case that breaks a naive version")
		})
	}
}

// The last step of an epoch is short. Its gradient equals that of its examples as one batch: divided by its own
// number of tokens, not by that of a complete step.
func TestT21TheShortLastStepHasItsOwnDivisor(t *testing.T) {
	c := config(t.TempDir())
	c.BatchSize, c.Accumulation = 2, 4
	r := begun(t, c, lora)
	require.Equal(t, 2, r.steps.perEpoch)
	last := append([]int(nil), r.steps.examples(1)...)
	require.Len(t, last, 4, "12 examples are 8 and 4")
	got, row := gradientOf(t, r, last)
	tokens, sum := 0, 0.0
	for _, i := range last {
		tokens += r.job.Training[i].Learned()
	}
	require.Equal(t, tokens, row.LearnedTokens)

	whole := begun(t, c, lora)
	b := whole.config.pack(pick(whole.job.Training, last))
	b.Train, b.Seed, b.Samples = true, c.Seed, []uint64{0, 1, 2, 3}
	whole.job.Adapter.ZeroGrad()
	losses, err := whole.job.Model.Gradients(b, model.Uniform(1/float64(tokens)))
	require.NoError(t, err)
	require.NoError(t, whole.job.Adapter.Finish())
	for _, l := range losses {
		sum += l
	}
	var want []float32
	for _, p := range whole.job.Adapter.Params() {
		want = append(want, p.Grad...)
	}
	require.Equal(t, want, got)
	require.InDelta(t, sum/float64(tokens), row.Loss, 1e-12)
}

// A run of two epochs learns every example twice, those of incomplete steps too.
func TestT22EveryExampleIsSeenOnceAnEpoch(t *testing.T) {
	for examples := 1; examples < 40; examples++ {
		for _, c := range []Config{
			{BatchSize: 1, Accumulation: 1}, {BatchSize: 3, Accumulation: 1}, {BatchSize: 2, Accumulation: 4},
			{BatchSize: 8, Accumulation: 8},
		} {
			c.Epochs, c.Seed, c.Shuffle = 2, 7, examples%2 == 0
			p := newSteps(c, examples)
			seen := make([]int, examples)
			for k := range p.total {
				which := p.examples(k)
				require.NotEmpty(t, which, "no step is empty")
				for _, i := range which {
					seen[i]++
				}
				if k+1 == p.perEpoch || k+1 == p.total {
					for i, n := range seen {
						require.Equal(t, (k+1)/p.perEpoch, n, "example %d of %d, %d × %d", i, examples, c.BatchSize, c.Accumulation)
					}
				}
			}
		}
	}
}

// dataloader_drop_last drops the incomplete micro-batch at the end of an epoch, another one in every epoch; the last
// step of an epoch may have fewer micro-batches than the others.
func TestT22DropLastDropsTheIncompleteMicroBatch(t *testing.T) {
	for _, c := range []struct {
		examples, batch, accumulation int
		kept, steps                   int // of an epoch
	}{
		{52002, 16, 8, 52000, 407}, // 3250 micro-batches
		{52002, 32, 1, 52000, 1625},
		{11, 4, 1, 8, 2},
		{11, 2, 4, 10, 2}, // 4 and 1 micro-batches
		{12, 4, 2, 12, 2},
		{9, 4, 2, 8, 1},
		{3, 4, 1, 3, 1}, // one step at least
	} {
		p := newSteps(Config{
			BatchSize: c.batch, Accumulation: c.accumulation, Epochs: 30, DropLast: true, Shuffle: true,
		}, c.examples)
		require.Equal(t, c.steps, p.perEpoch, "%+v", c)
		require.Equal(t, 30*c.steps, p.total)
		require.Equal(t, 30*c.kept, p.seen(p.total))
		seen := make([]int, c.examples)
		for k := range p.total {
			for _, i := range p.examples(k) {
				seen[i]++
			}
		}
		sum := 0
		for _, n := range seen {
			sum += n
			require.Greater(t, n, 10)
		}
		require.Equal(t, 30*c.kept, sum)
	}
}

// An epoch is counted in micro-batches: 70 examples by 4 × 4 are 18 of them, 4 in a step and 2 in the fifth.
func TestEpochsAreCountedInMicroBatches(t *testing.T) {
	p := newSteps(Config{BatchSize: 4, Accumulation: 4, Epochs: 2.5}, 70)
	require.Equal(t, 13, p.total)
	require.Equal(t, 0.0, p.epochs(0))
	for k, want := range []float64{4. / 18, 8. / 18, 12. / 18, 16. / 18, 1, 1 + 4./18, 1 + 8./18} {
		require.Equal(t, want, p.epochs(k+1), "step %d", k+1)
	}
	whole := newSteps(Config{BatchSize: 3, Accumulation: 1, Epochs: 1, DropLast: true}, 10)
	require.Equal(t, []float64{1. / 3, 2. / 3, 1}, []float64{whole.epochs(1), whole.epochs(2), whole.epochs(3)})
}

// The held-out loss is Σ loss / Σ tokens over the whole set for every batch size, and without dropout. The mean of the
// batches' means is a different number.
func TestT24EvaluationIsWeightedByTokens(t *testing.T) {
	wet := lora
	wet.Dropout = 0.5
	dry := lora
	dry.Dropout = 0
	var losses, means []float64
	for _, c := range []struct {
		batch  int
		method adapter.Method
	}{{1, wet}, {2, wet}, {3, wet}, {100, wet}, {2, dry}} {
		settings := config(t.TempDir())
		settings.BatchSize = c.batch
		r := begun(t, settings, c.method)
		loss, tokens, err := r.evaluate(context.Background())
		require.NoError(t, err)
		sum, learned, mean := 0.0, 0, 0.0
		for i, e := range r.job.Evaluation {
			one, err := r.job.Model.Loss(r.config.pack(r.job.Evaluation[i : i+1]))
			require.NoError(t, err)
			sum, learned, mean = sum+one[0], learned+e.Learned(), mean+one[0]/float64(e.Learned())/float64(len(r.job.Evaluation))
		}
		require.Equal(t, learned, tokens)
		require.InDelta(t, sum/float64(learned), loss, 1e-12)
		losses, means = append(losses, loss), append(means, mean)
	}
	for _, l := range losses {
		require.Equal(t, losses[0], l)
	}
	require.Greater(t, math.Abs(means[0]-losses[0]), 1e-4, "the case that breaks a naive version")
}

// Steps of a schedule are optimizer steps, not micro-batches.
func TestT28RatesChangeWithTheOptimizerStep(t *testing.T) {
	for _, micro := range []int{1, 2, 4} {
		c := config(t.TempDir())
		c.BatchSize, c.Accumulation, c.WarmupSteps, c.Schedule, c.LearningRate, c.Epochs = micro, 4/micro, 2, "linear", 1, 2
		j := job(t, lora, 1)
		j.Training = j.Training[:10] // two whole steps and a short one
		finish(t, c, j)
		h := historyOf(t, c.OutputDir)
		var rates []float64
		for _, row := range h.Steps {
			rates = append(rates, row.LearningRate)
		}
		require.InDeltaSlice(t, []float64{0, 0.5, 1, 0.75, 0.5, 0.25}, rates, 1e-15)
	}
}

// The norm is that of all parameters together, after all micro-batches, and is logged before clipping. Clipping each
// micro-batch gives a different gradient.
func TestT29ClippingActsOnTheWholeGradient(t *testing.T) {
	logged := map[float64]float64{}
	for _, limit := range []float64{0, 1e-3} {
		c := config(t.TempDir())
		c.MaxGradNorm = limit
		finish(t, c, job(t, lora, 1))
		h := historyOf(t, c.OutputDir)
		logged[limit] = h.Steps[0].GradNorm
	}
	require.Greater(t, logged[1e-3], 1e-2)
	require.Equal(t, logged[0], logged[1e-3])

	c := config(t.TempDir())
	c.BatchSize, c.Accumulation = 1, 4
	all, row := gradientOf(t, begun(t, c, lora), data.InOrder(4))
	sum := 0.0
	for _, g := range all {
		sum += float64(g) * float64(g)
	}
	require.InDelta(t, math.Sqrt(sum), row.GradNorm, 1e-12)
	factor := clip(row.GradNorm, row.GradNorm/2)
	require.InDelta(t, 0.5, factor, 1e-4)
	naive := make([]float32, len(all))
	for i := range 4 {
		one, part := gradientOf(t, begun(t, c, lora), []int{i})
		for k := range one {
			naive[k] += one[k] * float32(clip(part.GradNorm, row.GradNorm/2)) / 4
		}
	}
	for k := range all {
		all[k] *= float32(factor)
	}
	require.Greater(t, distance(naive, all), 0.01, "the case that breaks a naive version")
}

// All of an adapter decays, LLaMA-Adapter's gates too, and all of a fully tuned model but its norms and biases.
func TestT30NormsAndBiasesDoNotDecay(t *testing.T) {
	for name, method := range methods {
		t.Run(name, func(t *testing.T) {
			c := config(t.TempDir())
			c.WeightDecay = 0.5
			r := begun(t, c, method)
			params, before := r.job.Adapter.Params(), map[string][]float32{}
			for _, p := range params {
				clear(p.Grad)
				before[p.Name] = append([]float32(nil), p.Data...)
			}
			r.optimizer.step(0.1, 1)
			decayed := map[string]bool{}
			for _, p := range params {
				parts := strings.Split(strings.TrimSuffix(p.Name, ".weight"), ".")
				kind := parts[len(parts)-1]
				decayed[kind] = !strings.Contains(kind, "norm")
				for i, x := range p.Data {
					want := before[p.Name][i]
					if decayed[kind] {
						want *= 0.95
					}
					require.InDelta(t, want, x, 1e-6, p.Name)
				}
			}
			want := map[string]map[string]bool{
				"LoRA": {"lora_A": true, "lora_B": true}, "LLaMA-Adapter": {"adapter_query": true, "gate": true},
				"full": {"embed_tokens": true, "q_proj": true, "down_proj": true, "input_layernorm": false,
					"post_attention_layernorm": false, "norm": false},
			}
			for kind, decays := range want[name] {
				require.Contains(t, decayed, kind)
				require.Equal(t, decays, decayed[kind], kind)
			}
		})
	}
	for tensor, decays := range map[string]bool{
		"model.layers.3.self_attn.q_proj.bias":                                     false,
		"model.layers.3.self_attn.q_norm.weight":                                   false,
		"model.layers.3.mlp.gate_proj.weight":                                      true,
		"model.norm.weight":                                                        false,
		"model.normal.weight":                                                      true,
		"lm_head.weight":                                                           true,
		"base_model.model.model.layers.0.self_attn.q_proj.lora_B.bias":             false,
		"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight":           true,
		"base_model.model.model.layers.0.input_layernorm.modules_to_save.weight":   false,
		"base_model.model.model.layers.1.self_attn.adaption_prompt":                true,
		"base_model.model.model.embed_tokens.lora_embedding_A":                     true,
		"base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta": true,
	} {
		p := &adapter.Param{Name: tensor, Data: []float32{1}, Grad: []float32{0}}
		newAdamW(Config{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.5}, ref.New(),
			[]*adapter.Param{p}).step(0.1, 1)
		require.Equal(t, decays, p.Data[0] < 1, tensor)
	}
}

// Ten steps against PyTorch's AdamW, with decay, an ε of some effect, and gradients of many magnitudes, computed by
// testdata/adamw.py.
func TestT31TenStepsEqualPyTorch(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "adamw.json"))
	require.NoError(t, err)
	var file struct {
		Rate, Beta1, Beta2, Epsilon, Decay float64
		Start                              []float32
		Gradients                          [][]float32
		Steps                              [][]float64
	}
	require.NoError(t, json.Unmarshal(text, &file))
	p := &adapter.Param{Name: "p", Data: append([]float32(nil), file.Start...), Grad: make([]float32, len(file.Start))}
	c := Config{Beta1: file.Beta1, Beta2: file.Beta2, Epsilon: file.Epsilon, WeightDecay: file.Decay}
	o := newAdamW(c, ref.New(), []*adapter.Param{p})
	require.Len(t, file.Steps, 10)
	for k, want := range file.Steps {
		copy(p.Grad, file.Gradients[k])
		o.step(file.Rate, 1)
		for i := range want {
			require.InDelta(t, want[i], p.Data[i], 2e-7*max(1, math.Abs(want[i])), "step %d, element %d", k+1, i)
		}
	}
}

// The logged loss is the optimized one: the sum of the step's token losses over their number. A NaN ends the run with
// an error.
func TestT32LoggedLossIsTheOptimisedOne(t *testing.T) {
	c := config(t.TempDir())
	c.BatchSize, c.Accumulation, c.LearningRate, c.Epochs = 2, 2, 0, 1
	j := job(t, lora, 1)
	j.Training = j.Training[:10]
	finish(t, c, j)
	h := historyOf(t, c.OutputDir)
	require.Len(t, h.Steps, 3)
	fresh := job(t, lora, 1) // its B is zero: dropout changes nothing
	p, apart := newSteps(c, 10), 0.0
	for k, row := range h.Steps {
		sum, tokens, means := 0.0, 0, 0.0
		for _, i := range p.examples(k) {
			one, err := fresh.Model.Loss(Config{}.pack(fresh.Training[i : i+1]))
			require.NoError(t, err)
			sum, tokens, means = sum+one[0], tokens+fresh.Training[i].Learned(),
				means+one[0]/float64(fresh.Training[i].Learned())
		}
		require.InDelta(t, sum/float64(tokens), row.Loss, 1e-9)
		apart = max(apart, math.Abs(means/float64(len(p.examples(k)))-row.Loss))
	}
	require.Greater(t, apart, 1e-4, "the case that breaks a naive version: a mean of means")
	var said strings.Builder
	c = config(t.TempDir())
	c.LoggingSteps = 1
	j = job(t, lora, 1)
	j.Steps = zerolog.New(&said)
	j.Adapter.Params()[0].Data[0] = float32(math.NaN())
	_, err := Run(context.Background(), c, j)
	require.ErrorIs(t, err, ErrNotFinite)
	require.Contains(t, fmt.Sprint(err), "loss is NaN")
}
