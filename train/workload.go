package train

import (
	"slices"

	"fettle/data"
	"fettle/internal/tree"
)

// Workload holds the sizes of a run: its largest micro-batch and the sums over all steps.
type Workload struct {
	Tokens  int `json:"tokens"`  // rows of the largest micro-batch, shared ones once
	Learned int `json:"learned"` // most learned rows of a micro-batch
	Longest int `json:"longest"` // tokens of the longest sequence
	Most    int `json:"most"`    // sequences of a step, shared beginnings among them
	Sums    int `json:"sums"`    // most partial sums of a step's gradients at one time, beside the gradients

	Steps    int     `json:"steps"`
	PerEpoch int     `json:"steps_per_epoch"`
	All      int     `json:"tokens_of_all_steps"`
	Rows     int     `json:"rows_of_all_steps"` // fewer than tokens where prefixes are shared
	Epochs   float64 `json:"epochs"`
	Held     int     `json:"tokens_of_an_evaluation"`
	Evals    int     `json:"evaluations"`
}

// NewWorkload replays the steps and evaluations of a run without computing anything.
func NewWorkload(c Config, training, evaluation []data.Example) Workload {
	s := newSteps(c, len(training))
	w := Workload{Steps: s.total, PerEpoch: s.perEpoch, Epochs: s.epochs(s.total)}
	for k := range s.total {
		step := pick(training, s.examples(k))
		rows, sequences := w.see(c, step)
		w.Rows, w.Most = w.Rows+rows, max(w.Most, sequences)
		w.All += tokensOf(step)
	}
	w.Sums = max(0, tree.Deepest(0, w.Most)-1)
	if len(evaluation) == 0 {
		return w
	}
	w.see(c, evaluation)
	w.Held, w.Evals = tokensOf(evaluation), 2
	if c.EvalSteps > 0 {
		w.Evals = 1 + (s.total+c.EvalSteps-1)/c.EvalSteps
	}
	return w
}

// see divides examples into micro-batches, keeps the largest sizes, and returns the numbers of rows and sequences.
func (w *Workload) see(c Config, examples []data.Example) (rows, sequences int) {
	for batch := range slices.Chunk(examples, c.BatchSize) {
		for _, e := range batch {
			for s := range e.Sequences() {
				w.Longest = max(w.Longest, len(s.Tokens))
			}
		}
		n, targets, segments := c.rows(batch)
		w.Tokens, w.Learned = max(w.Tokens, n), max(w.Learned, targets)
		rows, sequences = rows+n, sequences+segments
	}
	return rows, sequences
}

// rows counts the rows of a micro-batch, the targets predicted from them, and its sequences.
func (c Config) rows(batch []data.Example) (n, targets, segments int) {
	if c.SharePrefix == "true" {
		b := c.pack(batch)
		return len(b.Tokens), len(b.Targets), len(b.Segments)
	}
	for _, e := range batch {
		n, targets, segments = n+e.Len(), targets+e.Learned(), segments+1+len(e.Others)
	}
	return n, targets, segments
}

func tokensOf(examples []data.Example) int {
	n := 0
	for _, e := range examples {
		n += e.Len()
	}
	return n
}
