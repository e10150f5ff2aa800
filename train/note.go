package train

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"fettle/internal/atomicfile"
	"fettle/train/journal"
)

// note adds an entry to the run's journal. An entry that cannot be written is lost; that never stops a run.
func (r *run) note(e journal.Entry) {
	if !r.leads() {
		return
	}
	e.Time, e.Steps = time.Now().UTC().Truncate(time.Second), r.steps.total
	e.Step = cmp.Or(e.Step, r.state.Step)
	journal.Append(r.config.OutputDir, e)
}

// noteBeginning records what the run is made of, and the checkpoint that it continues from, "" for a new run.
func (r *run) noteBeginning(from string) {
	e := journal.Entry{Event: journal.Begun, Process: os.Getpid(), Program: &r.job.Program, Files: r.job.Made}
	if from != "" {
		e.Event, e.From = journal.Continued, filepath.Base(from)
	}
	machine := r.job.Machine
	machine.Compute = cmp.Or(machine.Compute, r.job.Record.Compute)
	if n := r.size(); n > 1 {
		machine.Ranks = n
	}
	in := r.job.Inputs
	h := journal.Hashes{Base: cmp.Or(in.Content, in.Base), Tokenizer: in.Tokenizer, Training: in.Training,
		Template: r.job.Record.Template}
	if len(r.job.Evaluation) > 0 {
		h.Evaluation = r.evalSet
	}
	if r.job.Settings != nil {
		sum := sha256.Sum256(r.job.Settings)
		h.Settings = hex.EncodeToString(sum[:])
	}
	e.Machine, e.Hashes = &machine, &h
	r.note(e)
}

// noteEnd records why the run ended early.
func (r *run) noteEnd(err error) {
	if errors.Is(err, ErrStopped) {
		r.note(journal.Entry{Event: journal.Stopped})
	} else {
		r.note(journal.Entry{Event: journal.Failed, Reason: err.Error()})
	}
}

// noteResult records the result, which are these files.
func (r *run) noteResult(files map[string]atomicfile.Content) {
	w, result := r.state.Watch, r.result()
	e := journal.Entry{Event: journal.Finished, Result: &journal.Result{
		Loss: result.Loss, EvalBefore: result.EvalBefore, EvalAfter: result.EvalAfter, BestLoss: w.Lowest,
		BestStep: w.BestStep, Seconds: result.Elapsed.Seconds(), Epoch: r.steps.epochs(r.state.Step),
	}}
	e.Files = slices.Sorted(maps.Keys(files))
	r.note(e)
}
