package train

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"

	"fettle/data"
	"fettle/internal/atomicfile"
	"fettle/train/checkpoint"
)

// bestLink is the name in a run's directory that leads to the best checkpoint.
const bestLink = "best"

// watch follows the held-out loss over a run. Losses of different evaluation
// sets are never compared.
type watch struct {
	Set    string  `json:"evaluation_set"` // which examples the losses are of
	Lowest float64 `json:"lowest"`         // of all evaluations after the first step
	Stale  int     `json:"stale"`          // evaluations since the last that was better

	BestStep int     `json:"best_step"` // of the checkpoint with the lowest loss; 0: none
	BestLoss float64 `json:"best_loss"`
}

// evaluated counts an evaluation. It is better than all before it, as early
// stopping sees it, if its loss is lower by more than threshold.
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

// kept counts the checkpoint of a step that was evaluated.
func (w *watch) kept(step int, loss float64) {
	if w.BestStep == 0 || loss < w.BestLoss {
		w.BestStep, w.BestLoss = step, loss
	}
}

// of turns to an evaluation set and reports whether nothing of it was seen yet.
func (w *watch) of(set string) bool {
	if w.Set == set {
		return false
	}
	*w = watch{Set: set}
	return true
}

// best is the name of the best checkpoint, "" if there is none yet.
func (w *watch) best() string {
	if w.BestStep == 0 {
		return ""
	}
	return checkpoint.Name(w.BestStep)
}

// point lets the link in a run's directory lead to the best checkpoint.
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
