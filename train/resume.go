package train

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"fettle/internal/human"
	"fettle/train/checkpoint"
)

// startingPoint returns the path of the checkpoint that the run continues from, "" for a new run.
func (r *run) startingPoint() (string, error) {
	dir := r.config.OutputDir
	begun := len(checkpoint.List(dir)) > 0
	switch r.config.Resume {
	case "auto":
		var damaged []string
		from := checkpoint.Newest(dir, sound, func(name string, err error) {
			r.job.Log.Warn().Str("checkpoint", name).Err(err).Msgf("%s is passed over", name)
			damaged = append(damaged, fmt.Sprintf("%s (%v)", name, err))
		})
		if from == "" && begun {
			return "", fmt.Errorf("%w: none of the checkpoints in %s is sound: %s. Put one back from a copy and give the same "+
				"command again, or begin anew: take another output_dir, or delete these checkpoints", ErrRefused, dir,
				strings.Join(damaged, ", "))
		}
		if from == "" {
			return "", pruned(dir)
		}
		return from, nil
	case "none":
		if begun {
			return "", errBegun(dir)
		}
		return "", pruned(dir)
	}
	if err := sound(r.config.Resume); err != nil {
		return "", fmt.Errorf("resume from %s: %w; --resume auto takes the newest checkpoint that is sound", r.config.Resume,
			err)
	}
	return r.config.Resume, nil
}

// resume restores the run's state from a checkpoint and returns its path, "" for a new run.
func (r *run) resume() (from string, err error) {
	from, err = r.startingPoint()
	if from == "" || err != nil {
		return "", err
	}
	c := r.config
	if r.auto {
		c.SharePrefix = "auto"
	}
	s, err := readState(from, c, r.job.Inputs, r.steps)
	if err != nil {
		return "", fmt.Errorf("resume from %s: %w", from, err)
	}
	r.state, r.config.SharePrefix = s, s.Config.SharePrefix
	if err := r.restore(from, s); err != nil {
		return "", err
	}
	w, dir := &r.state.Watch, r.config.OutputDir
	if _, err := os.Stat(filepath.Join(dir, w.best())); err != nil { // the run began in another directory
		w.BestStep, w.BestLoss = 0, 0
	}
	if err := r.point(*w); err != nil { // the run may have been interrupted before this
		return "", err
	}
	r.job.Log.Info().Str("checkpoint", from).Int("step", s.Step).Msgf("The run is continuing from %s, step %s of %s.",
		from, human.Count(s.Step), human.Count(r.steps.total))
	return from, nil
}
