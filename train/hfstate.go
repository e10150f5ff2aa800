package train

import (
	"bytes"
	"encoding/json"
	"math"
	"path/filepath"
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
	Epoch    float64 `json:"epoch"`
	EvalLoss float64 `json:"eval_loss"`
	Step     int     `json:"step"`
}

// history is metrics.jsonl, read back.
type history struct {
	Steps []StepRow
	Evals []EvalRow
}

// readHistory reads a run's log.
func readHistory(dir string) (history, error) {
	var h history
	text, err := readAll(filepath.Join(dir, MetricsFile))
	if err != nil {
		return h, err
	}
	for line := range bytes.Lines(text) {
		var kind struct {
			Loss     *float64 `json:"loss"`
			EvalLoss *float64 `json:"eval_loss"`
		}
		if json.Unmarshal(line, &kind) != nil {
			continue // cut off by a power failure
		}
		if kind.Loss != nil {
			var row StepRow
			if err := json.Unmarshal(line, &row); err != nil {
				return h, err
			}
			h.Steps = append(h.Steps, row)
		} else if kind.EvalLoss != nil {
			var row EvalRow
			if err := json.Unmarshal(line, &row); err != nil {
				return h, err
			}
			h.Evals = append(h.Evals, row)
		}
	}
	return h, nil
}

// hfState describes the run so far, from its own log.
func (r *run) hfState(h history) ([]byte, error) {
	s := hfState{
		EvalSteps: r.config.EvalSteps, GlobalStep: r.state.Step, LocalProcessZero: true, WorldProcessZero: true, LogHistory: []any{},
		LoggingSteps: 1, MaxSteps: r.plan.total, TrainEpochs: int(math.Ceil(float64(r.plan.total) / float64(r.plan.perEpoch))),
		SaveSteps: r.config.SaveSteps, StatefulCallbacks: map[string]any{}, TrainBatchSize: r.config.BatchSize,
		Epoch: float64(r.state.Step) / float64(r.plan.perEpoch),
	}
	evals := h.Evals
	for i, row := range h.Steps {
		s.InputTokensSeen += row.Tokens
		s.LogHistory = append(s.LogHistory, hfLog{row.Epoch, row.GradNorm, row.LearningRate, row.Loss, row.Step})
		for len(evals) > 0 && evals[0].Step <= row.Step {
			if evals[0].Step == row.Step {
				s.LogHistory = append(s.LogHistory, hfEval{h.Steps[i].Epoch, evals[0].EvalLoss, row.Step})
			}
			evals = evals[1:]
		}
	}
	for _, e := range h.Evals {
		if loss := e.EvalLoss; e.Step > 0 && (s.BestMetric == nil || loss < *s.BestMetric) {
			step := e.Step
			s.BestMetric, s.BestGlobalStep = &loss, &step
		}
	}
	text, err := json.MarshalIndent(s, "", "  ")
	return append(text, '\n'), err
}
