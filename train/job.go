package train

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"fettle/adapter"
	"fettle/data"
	"fettle/internal/checkpoint"
	"fettle/model"
	"fettle/train/journal"
	"fettle/train/report"
)

// Job holds the model, the data and the outputs of a run.
type Job struct {
	Model      *model.Model // with the adapter
	Adapter    *adapter.Set
	Training   []data.Example
	Evaluation []data.Example
	Objective  Objective // the zero value: the mean over learned tokens
	Inputs     Inputs
	Record     adapter.Record
	Settings   []byte            // config.yaml of the output directory; may be nil
	Beside     map[string][]byte // files to keep with the adapter, by name

	SaveAs checkpoint.Type   // of the result's weights; "": F32, as checkpoints
	Final  map[string][]byte // files of the result that differ from those in Beside

	// Sample answers an instruction of sample_prompts with the current adapter; it must not change the run. May be nil.
	Sample func(ctx context.Context, prompt string) (string, error)

	Program journal.Program // for the journal, as Machine
	Machine journal.Machine
	Made    []string // files of the output directory that the caller has made for the run

	Ranks Ranks // the other processes that share the run; nil: none

	Board *report.Board // shows the run while it goes on; may be nil

	Log    zerolog.Logger        // evaluations, checkpoints; the messages are sentences, fields repeat their numbers
	Steps  zerolog.Logger        // steps and samples
	Status func(forms ...string) // updates a line in place; nil: steps are messages
}

// Result summarizes a run.
type Result struct {
	Steps      int
	Loss       float64 // of the last step
	EvalBefore float64 // 0 without evaluation data
	EvalAfter  float64
	Still      bool // every learning rate was 0, so that nothing was learned
	Best       int  // the step whose checkpoint is the result; 0: the last
	Elapsed    time.Duration
}
