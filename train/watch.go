package train

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fettle/data"
	"fettle/internal/atomicfile"
	"fettle/internal/readfile"
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

// point updates the link to the best checkpoint. Something else of this name stays, and ours is false.
func (w *watch) point(d atomicfile.Disk, dir string) (ours bool, err error) {
	path := filepath.Join(dir, bestLink)
	if w.BestStep == 0 {
		return true, nil
	}
	if !isBestLink(path) {
		return false, nil
	}
	return true, atomicfile.ReplaceLink(d, path, w.best())
}

// isBestLink reports whether there is a link to a checkpoint at path, a file in its stead, or nothing.
func isBestLink(path string) bool {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return errors.Is(err, fs.ErrNotExist)
	case info.Mode()&fs.ModeSymlink != 0:
		return true
	case !info.Mode().IsRegular():
		return false
	}
	text, err := readfile.Whole(path, 1<<10)
	return err == nil && checkpoint.IsName(strings.TrimSpace(string(text)))
}

// setHash identifies an evaluation set.
func setHash(examples []data.Example) string {
	h := sha256.New()
	for _, e := range examples {
		e.Hash(h)
	}
	return hex.EncodeToString(h.Sum(nil))
}
