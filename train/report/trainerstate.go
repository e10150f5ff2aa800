package report

import (
	"encoding/json"
	"math"
)

// TrainerStateFile is the log of a run in the format of Hugging Face's trainer, for the tools that read it.
const TrainerStateFile = "trainer_state.json"

// TrainerState holds the contents of trainer_state.json other than the log.
type TrainerState struct {
	Step, Steps, StepsPerEpoch      int
	Epoch                           float64 // after Step
	EvalSteps, SaveSteps, BatchSize int
	HeldOut                         int // examples of an evaluation
	Parameters                      int // of the model without its embedding
	BestStep                        int // 0: none
	BestLoss                        float64
	BestCheckpoint                  string
}

// Ending describes a run that has finished.
type Ending struct {
	Seconds  float64
	Examples int // seen, counted again in every epoch
}

// trainerState is trainer_state.json, its keys in order.
type trainerState struct {
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

// stepEntry is a step in log_history, evalEntry an evaluation, endEntry the last entry of a finished run.
type stepEntry struct {
	Epoch        float64 `json:"epoch"`
	GradNorm     float64 `json:"grad_norm"`
	LearningRate float64 `json:"learning_rate"`
	Loss         float64 `json:"loss"`
	Step         int     `json:"step"`
}

type evalEntry struct {
	Epoch      float64 `json:"epoch"`
	EvalLoss   float64 `json:"eval_loss"`
	Runtime    float64 `json:"eval_runtime"`
	SampleRate float64 `json:"eval_samples_per_second"`
	StepRate   float64 `json:"eval_steps_per_second"` // steps are micro-batches
	Step       int     `json:"step"`
}

type endEntry struct {
	Epoch      float64 `json:"epoch"`
	Step       int     `json:"step"`
	TotalFLOPs float64 `json:"total_flos"`
	TrainLoss  float64 `json:"train_loss"` // mean over the steps
	Runtime    float64 `json:"train_runtime"`
	SampleRate float64 `json:"train_samples_per_second"`
	StepRate   float64 `json:"train_steps_per_second"`
}

// JSON returns the text of trainer_state.json. end is nil during a run.
func (s TrainerState) JSON(h History, end *Ending) ([]byte, error) {
	file := trainerState{
		EvalSteps: s.EvalSteps, GlobalStep: s.Step, LocalProcessZero: true, WorldProcessZero: true, LogHistory: []any{},
		LoggingSteps: 1, MaxSteps: s.Steps, SaveSteps: s.SaveSteps, StatefulCallbacks: map[string]any{},
		TrainEpochs: int(math.Ceil(float64(s.Steps) / float64(s.StepsPerEpoch))), TrainBatchSize: s.BatchSize,
		Epoch: s.Epoch,
	}
	evals := h.Evals
	for _, row := range h.Steps {
		file.InputTokensSeen += row.Tokens
		file.LogHistory = append(file.LogHistory,
			stepEntry{row.Epoch, row.GradNorm, row.LearningRate, row.Loss, row.Step})
		for len(evals) > 0 && evals[0].Step <= row.Step {
			if e := evals[0]; e.Step == row.Step {
				file.LogHistory = append(file.LogHistory, s.eval(row.Epoch, e))
			}
			evals = evals[1:]
		}
	}
	file.TotalFLOPs = s.flops(file.InputTokensSeen)
	if end != nil {
		file.LogHistory = append(file.LogHistory, s.end(h, *end))
	}
	if s.BestStep > 0 {
		file.BestMetric, file.BestGlobalStep, file.BestModelCheckpoint = &s.BestLoss, &s.BestStep, &s.BestCheckpoint
	}
	text, err := json.MarshalIndent(file, "", "  ")
	return append(text, '\n'), err
}

// flops returns 6 · tokens · parameters, the count of Hugging Face's trainer whether weights are frozen or not.
func (s TrainerState) flops(tokens int) float64 { return 6 * float64(tokens) * float64(s.Parameters) }

func (s TrainerState) eval(epoch float64, e EvalRow) evalEntry {
	seconds := max(e.EvalSeconds, 1e-9)
	batches := (s.HeldOut + s.BatchSize - 1) / s.BatchSize
	return evalEntry{
		Epoch: epoch, EvalLoss: e.EvalLoss, Runtime: rounded(seconds, 4), Step: e.Step,
		SampleRate: rounded(float64(s.HeldOut)/seconds, 3), StepRate: rounded(float64(batches)/seconds, 3),
	}
}

func (s TrainerState) end(h History, e Ending) endEntry {
	seconds := max(e.Seconds, 1e-9)
	end := endEntry{
		Epoch: s.Epoch, Step: s.Step, Runtime: rounded(seconds, 4),
		SampleRate: rounded(float64(e.Examples)/seconds, 3), StepRate: rounded(float64(s.Step)/seconds, 3),
	}
	for _, row := range h.Steps {
		end.TrainLoss += row.Loss / float64(len(h.Steps))
		end.TotalFLOPs += s.flops(row.Tokens)
	}
	return end
}

func rounded(v float64, places int) float64 {
	scale := math.Pow10(places)
	return math.Round(v*scale) / scale
}
