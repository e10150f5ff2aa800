package train

import "fettle/data"

// Workload holds the sizes of a run: its largest micro-batch and the sums over all steps.
type Workload struct {
	Tokens  int `json:"tokens"`  // rows of the largest micro-batch, shared ones once
	Learned int `json:"learned"` // most learned rows of a micro-batch
	Longest int `json:"longest"` // tokens of the longest sequence

	Steps    int     `json:"steps"`
	PerEpoch int     `json:"steps_per_epoch"`
	All      int     `json:"tokens_of_all_steps"`
	Rows     int     `json:"rows_of_all_steps"` // fewer than tokens where beginnings are shared
	Epochs   float64 `json:"epochs"`
	Held     int     `json:"tokens_of_an_evaluation"`
	Evals    int     `json:"evaluations"`
}

// NewWorkload replays the run's steps and evaluations without computing anything.
func NewWorkload(c Config, training, evaluation []data.Example) Workload {
	s := newSteps(c, len(training))
	w := Workload{Steps: s.total, PerEpoch: s.perEpoch, Epochs: float64(s.total) / float64(s.perEpoch)}
	see := func(all []data.Example, which []int) (rows int) {
		for lo := 0; lo < len(which); lo += c.BatchSize {
			batch := which[lo:min(lo+c.BatchSize, len(which))]
			for _, i := range batch {
				w.Longest = max(w.Longest, len(all[i].Tokens))
			}
			n, learned := c.rows(all, batch)
			w.Tokens, w.Learned = max(w.Tokens, n), max(w.Learned, learned)
			rows += n
		}
		return rows
	}
	for k := range s.total {
		which := s.examples(k)
		w.Rows += see(training, which)
		for _, i := range which {
			w.All += len(training[i].Tokens)
		}
	}
	if len(evaluation) > 0 {
		see(evaluation, data.InOrder(len(evaluation)))
		for _, e := range evaluation {
			w.Held += len(e.Tokens)
		}
		w.Evals = 2
		if c.EvalSteps > 0 {
			w.Evals = 1 + (s.total+c.EvalSteps-1)/c.EvalSteps
		}
	}
	return w
}

// rows counts the rows of a micro-batch and the targets predicted from them.
func (c Config) rows(all []data.Example, batch []int) (n, targets int) {
	if c.SharePrefix == "true" {
		b := c.pack(all, batch)
		return len(b.Tokens), len(b.Targets)
	}
	for _, i := range batch {
		n, targets = n+len(all[i].Tokens), targets+all[i].Learned()
	}
	return n, targets
}
