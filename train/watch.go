package train

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"

	"fettle/data"
	"fettle/internal/atomicfile"
	"fettle/train/checkpoint"
)

// bestLink is the name of the link to the best checkpoint in a run's directory.
const bestLink = "best"

// watch follows the held-out loss over a run, for early stopping and the best checkpoint. Losses of different
// evaluation sets are never compared.
type watch struct {
	Set    string  `json:"evaluation_set"` // hash of the examples that were evaluated
	Lowest float64 `json:"lowest"`         // of all evaluations after the first step
	Stale  int     `json:"stale"`          // evaluations since the last better one

	BestStep int     `json:"best_step"` // of the checkpoint with the lowest loss; 0: none
	BestLoss float64 `json:"best_loss"`
}

// evaluated adds an evaluation. For early stopping it is better than those before if its loss is lower by more than
// threshold, as in Hugging Face's EarlyStoppingCallback.
func (w *watch) evaluated(loss float64, set string, threshold float64) {
	first := w.of(set)
	if first || w.Lowest-loss > threshold {
		w.Stale = 0
	} else {
		w.Stale++
	}
	if first || loss < w.Lowest {
		w.Lowest = loss
	}
}

// kept adds the checkpoint of a step that was evaluated.
func (w *watch) kept(step int, loss float64) {
	if w.BestStep == 0 || loss < w.BestLoss {
		w.BestStep, w.BestLoss = step, loss
	}
}

// of starts over for another evaluation set. It reports whether the set is another one.
func (w *watch) of(set string) bool {
	if w.Set == set {
		return false
	}
	*w = watch{Set: set}
	return true
}

// best returns the name of the best checkpoint, "" if there is none yet.
func (w *watch) best() string {
	if w.BestStep == 0 {
		return ""
	}
	return checkpoint.Name(w.BestStep)
}

// point updates the link to the best checkpoint.
func (w *watch) point(d atomicfile.Disk, dir string) error {
	if w.BestStep == 0 {
		return nil
	}
	return atomicfile.ReplaceLink(d, filepath.Join(dir, bestLink), w.best())
}

// setHash identifies an evaluation set.
func setHash(examples []data.Example) string {
	h := sha256.New()
	for _, e := range examples {
		e.Hash(h)
	}
	return hex.EncodeToString(h.Sum(nil))
}
