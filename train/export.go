package train

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"fettle/internal/atomicfile"
	tensors "fettle/internal/checkpoint"
	"fettle/internal/human"
	"fettle/train/checkpoint"
	"fettle/train/report"
)

// takeBest restores the best checkpoint's parameters if load_best_model_at_end is set.
func (r *run) takeBest() error {
	w := r.state.Watch
	if !r.config.LoadBest || w.BestStep == 0 || w.BestStep == r.state.Step {
		return nil
	}
	from := filepath.Join(r.config.OutputDir, w.best())
	err := checkpoint.Verify(from)
	if err == nil {
		err = r.job.Adapter.Restore(from)
	}
	if err != nil {
		return fmt.Errorf("the best checkpoint %s: %w; load_best_model_at_end false makes the last one the result", from, err)
	}
	r.job.Log.Info().Int("step", w.BestStep).Float64("eval_loss", w.BestLoss).Msgf(
		"The result is the checkpoint of step %s, whose held-out loss is %.4f.", human.Count(w.BestStep), w.BestLoss)
	return nil
}

// export writes the finished adapter and the reports of the run to the output directory.
func (r *run) export() error {
	if err := r.takeBest(); err != nil {
		return err
	}
	files, err := r.adapterFiles(cmp.Or(r.job.SaveAs, tensors.F32))
	if err != nil {
		return err
	}
	for name, text := range r.job.Final {
		files[name] = atomicfile.Bytes(text)
	}
	log, err := r.trainerState(&report.Ending{Seconds: r.elapsed(), Examples: r.steps.seen(r.state.Step)})
	if err != nil {
		return err
	}
	files[report.TrainerStateFile] = atomicfile.Bytes(log)
	if err := r.place(files); err != nil {
		return err
	}
	board := filepath.Join(r.config.OutputDir, report.TensorBoardFile)
	if err := atomicfile.MkdirAll(r.disk, filepath.Dir(board)); err != nil {
		return err
	}
	events := report.TensorBoard(r.log.History, float64(r.start.Unix())-r.state.Elapsed)
	if err := atomicfile.Replace(r.disk, board, atomicfile.Private(atomicfile.Bytes(events))); err != nil {
		return err
	}
	r.noteResult(files)
	r.publish(report.Finished, "")
	if err := r.job.Board.Write(r.disk, r.config.OutputDir); err != nil {
		return err
	}
	if steps := r.log.Steps; len(steps) > 0 {
		r.job.Steps.Info().Float64("first_loss", steps[0].Loss).Float64("last_loss", steps[len(steps)-1].Loss).
			Msg(report.Sparkline(steps))
	}
	return nil
}

// place writes the result, the list of its steps last: where that tells this step, all of the result is there.
func (r *run) place(files map[string]atomicfile.Content) error {
	last := func(name string) bool { return name == report.TrainerStateFile }
	for _, name := range append(slices.DeleteFunc(slices.Sorted(maps.Keys(files)), last), report.TrainerStateFile) {
		if err := atomicfile.Replace(r.disk, filepath.Join(r.config.OutputDir, name), files[name]); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) result() Result {
	result := Result{
		Steps: r.state.Step, Loss: r.state.Loss, EvalBefore: r.state.EvalBefore, EvalAfter: r.state.EvalLast,
		Elapsed: time.Duration(r.elapsed() * float64(time.Second)), Still: r.schedule.still(r.state.Step),
	}
	w := r.state.Watch
	if r.config.LoadBest && w.BestStep > 0 {
		result.Best, result.EvalAfter = w.BestStep, w.BestLoss
	}
	return result
}
