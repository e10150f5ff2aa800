package train

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// takeBest goes back to the best checkpoint, where that is what was asked for.
func (r *run) takeBest() error {
	w := r.state.Watch
	if !r.config.LoadBest || w.BestStep == 0 || w.BestStep == r.state.Step {
		return nil
	}
	from := filepath.Join(r.config.OutputDir, w.best())
	err := verify(from)
	if err == nil {
		err = r.job.Adapter.Restore(from)
	}
	if err != nil {
		return fmt.Errorf("the best checkpoint %s: %w; load_best_model_at_end false makes the last one the result", from, err)
	}
	r.show.say("the result is the checkpoint of step %d, held-out loss %.4f", w.BestStep, w.BestLoss)
	return nil
}

// export leaves the finished adapter in the output directory itself, with
// what people and other programs read of the run.
func (r *run) export() error {
	if err := r.takeBest(); err != nil {
		return err
	}
	files, err := r.adapterFiles()
	if err != nil {
		return err
	}
	h := r.metrics.history
	end := r.ending()
	log, err := r.hfState(&end)
	if err != nil {
		return err
	}
	page, err := r.report(h)
	if err != nil {
		return err
	}
	files[StateFile], files[ReportFile] = bytesOf(log), bytesOf(page)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := replaceFile(r.disk, filepath.Join(r.config.OutputDir, name), files[name]); err != nil {
			return err
		}
	}
	board := filepath.Join(r.config.OutputDir, "tensorboard")
	if err := os.MkdirAll(board, 0o755); err != nil {
		return err
	}
	started := float64(r.start.Unix()) - r.state.Elapsed
	if err := replaceFile(r.disk, filepath.Join(board, "events.out.tfevents.0.fettle"), bytesOf(tensorboard(h, started))); err != nil {
		return err
	}
	r.show.say("%s", sparkline(h.Steps))
	return nil
}

func (r *run) result() Result {
	w, result := r.state.Watch, Result{
		Steps: r.state.Step, Loss: r.loss, EvalBefore: r.state.EvalBefore, EvalAfter: r.state.EvalLast, Elapsed: time.Duration(r.elapsed() * float64(time.Second)),
	}
	if r.config.LoadBest && w.BestStep > 0 {
		result.Best, result.EvalAfter = w.BestStep, w.BestLoss
	}
	return result
}
