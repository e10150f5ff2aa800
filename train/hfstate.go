package train

import (
	"encoding/json"
	"math"
	"path/filepath"

	"fettle/model"
)

// StateFile is the log of a run as Hugging Face's trainer keeps it, for the
// tools that read it.
const StateFile = "trainer_state.json"

// hfState is trainer_state.json, its keys in order.
type hfState struct {
	BestGlobalStep      *int           `json:"best_global_step"`
	BestMetric          *float64       `json:"best_metric"`
	BestModelCheckpoint *string        `json:"best_model_checkpoint"`
	Epoch               float64        `json:"epoch"`
	EvalSteps           int            `json:"eval_steps"`
	GlobalStep          int            `json:"global_step"`
	HyperParamSearch    bool           `json:"is_hyper_param_search"`
	LocalProcessZero    bool           `json:"is_local_process_zero"`
	WorldProcessZero    bool           `json:"is_world_process_zero"`
	LogHistory          []any          `json:"log_history"`
	LoggingSteps        int            `json:"logging_steps"`
	MaxSteps            int            `json:"max_steps"`
	InputTokensSeen     int            `json:"num_input_tokens_seen"`
	TrainEpochs         int            `json:"num_train_epochs"`
	SaveSteps           int            `json:"save_steps"`
	StatefulCallbacks   map[string]any `json:"stateful_callbacks"`
	TotalFLOPs          float64        `json:"total_flos"`
	TrainBatchSize      int            `json:"train_batch_size"`
	TrialName           *string        `json:"trial_name"`
	TrialParams         *string        `json:"trial_params"`
}

// hfLog is a step in log_history, hfEval an evaluation.
type hfLog struct {
	Epoch        float64 `json:"epoch"`
	GradNorm     float64 `json:"grad_norm"`
	LearningRate float64 `json:"learning_rate"`
	Loss         float64 `json:"loss"`
	Step         int     `json:"step"`
}

type hfEval struct {
	Epoch      float64 `json:"epoch"`
	EvalLoss   float64 `json:"eval_loss"`
	Runtime    float64 `json:"eval_runtime"`
	SampleRate float64 `json:"eval_samples_per_second"`
	StepRate   float64 `json:"eval_steps_per_second"` // steps are micro-batches
	Step       int     `json:"step"`
}

// hfEnd is the last row of a finished run.
type hfEnd struct {
	Epoch      float64 `json:"epoch"`
	Step       int     `json:"step"`
	TotalFLOPs float64 `json:"total_flos"`
	TrainLoss  float64 `json:"train_loss"` // mean over the steps
	Runtime    float64 `json:"train_runtime"`
	SampleRate float64 `json:"train_samples_per_second"`
	StepRate   float64 `json:"train_steps_per_second"`
}

// flops is what Hugging Face's trainer counts for tokens of training, whatever
// is frozen: 6 · tokens · (parameters − V·D), the embedding being looked up.
func flops(c *model.Config, tokens int) float64 {
	return 6 * float64(tokens) * float64(c.Parameters()-c.Vocab*c.Hidden)
}

// ending sums a finished run up.
func (r *run) ending() hfEnd {
	steps, seconds := r.metrics.Steps, max(r.elapsed(), 1e-9)
	end := hfEnd{
		Epoch: r.epoch(), Step: r.state.Step, Runtime: rounded(seconds, 4),
		SampleRate: rounded(float64(r.plan.seen(r.state.Step))/seconds, 3), StepRate: rounded(float64(r.state.Step)/seconds, 3),
	}
	for _, s := range steps {
		end.TrainLoss += s.Loss / float64(len(steps))
		end.TotalFLOPs += flops(r.job.Model.Config(), s.Tokens)
	}
	return end
}

// epoch is how many passes over the data are done.
func (r *run) epoch() float64 { return float64(r.state.Step) / float64(r.plan.perEpoch) }

// rounded is v to some places.
func rounded(v float64, places int) float64 {
	scale := math.Pow10(places)
	return math.Round(v*scale) / scale
}

// hfState describes the run so far, from its own log; end may be nil.
func (r *run) hfState(end *hfEnd) ([]byte, error) {
	h, w := r.metrics.history, r.state.Watch
	s := hfState{
		EvalSteps: r.config.EvalSteps, GlobalStep: r.state.Step, LocalProcessZero: true, WorldProcessZero: true, LogHistory: []any{},
		LoggingSteps: 1, MaxSteps: r.plan.total, TrainEpochs: int(math.Ceil(float64(r.plan.total) / float64(r.plan.perEpoch))),
		SaveSteps: r.config.SaveSteps, StatefulCallbacks: map[string]any{}, TrainBatchSize: r.config.BatchSize, Epoch: r.epoch(),
	}
	evals := h.Evals
	for _, row := range h.Steps {
		s.InputTokensSeen += row.Tokens
		s.LogHistory = append(s.LogHistory, hfLog{row.Epoch, row.GradNorm, row.LearningRate, row.Loss, row.Step})
		for len(evals) > 0 && evals[0].Step <= row.Step {
			if e := evals[0]; e.Step == row.Step {
				s.LogHistory = append(s.LogHistory, r.hfEval(row.Epoch, e))
			}
			evals = evals[1:]
		}
	}
	s.TotalFLOPs = flops(r.job.Model.Config(), s.InputTokensSeen)
	if end != nil {
		s.LogHistory = append(s.LogHistory, *end)
	}
	if w.BestStep > 0 {
		path := filepath.Join(r.config.OutputDir, w.best())
		s.BestMetric, s.BestGlobalStep, s.BestModelCheckpoint = &w.BestLoss, &w.BestStep, &path
	}
	text, err := json.MarshalIndent(s, "", "  ")
	return append(text, '\n'), err
}

func (r *run) hfEval(epoch float64, e EvalRow) hfEval {
	n, seconds := len(r.job.Evaluation), max(e.EvalSeconds, 1e-9)
	batches := (n + r.config.BatchSize - 1) / r.config.BatchSize
	return hfEval{epoch, e.EvalLoss, rounded(seconds, 4), rounded(float64(n)/seconds, 3), rounded(float64(batches)/seconds, 3), e.Step}
}
