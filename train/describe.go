package train

import (
	"fmt"
	"path/filepath"
	"runtime"

	"fettle/train/report"
)

// trainerState returns trainer_state.json; end is nil during the run.
func (r *run) trainerState(end *report.Ending) ([]byte, error) {
	m, w := r.job.Model.Config(), r.state.Watch
	s := report.TrainerState{
		Step: r.state.Step, Steps: r.steps.total, StepsPerEpoch: r.steps.perEpoch, Epoch: r.steps.epochs(r.state.Step),
		EvalSteps: r.config.EvalSteps, SaveSteps: r.config.SaveSteps, BatchSize: r.config.BatchSize,
		HeldOut: len(r.job.Evaluation), Parameters: m.Parameters() - m.Vocab*m.Hidden,
	}
	if w.BestStep > 0 {
		s.BestStep, s.BestLoss, s.BestCheckpoint = w.BestStep, w.BestLoss, filepath.Join(r.config.OutputDir, w.best())
	}
	return s.JSON(r.log.History, end)
}

// page returns the content of report.html.
func (r *run) page() report.Page {
	learned := 0
	for _, e := range r.job.Training {
		learned += e.Learned()
	}
	p := report.Page{
		Title: r.config.OutputDir, History: r.log.History, Gates: r.job.Adapter.Gates(), Settings: string(r.job.Settings),
		Facts: [][2]string{
			{"method", r.config.Type},
			{"trainable parameters", fmt.Sprint(r.job.Adapter.Size())},
			{"base", r.job.Record.Base},
			{"recipe", r.config.Recipe},
			{"compute", r.job.Record.Compute},
			{"examples", fmt.Sprintf("%d, %d learned tokens in an epoch", len(r.job.Training), learned)},
			{"held out", fmt.Sprint(len(r.job.Evaluation))},
			{"steps", fmt.Sprint(r.state.Step)},
			{"loss of the last step", fmt.Sprintf("%.4f", r.loss)},
			{"time", fmt.Sprintf("%.0f s", r.elapsed())},
			{"machine", fmt.Sprintf("%s/%s, %d threads", runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0))},
		},
	}
	if len(r.job.Evaluation) > 0 {
		losses := fmt.Sprintf("%.4f before, %.4f after", r.state.EvalBefore, r.state.EvalLast)
		p.Facts = append(p.Facts, [2]string{"held-out loss", losses})
	}
	if w := r.state.Watch; w.BestStep > 0 {
		best := fmt.Sprintf("%s, held-out loss %.4f", w.best(), w.BestLoss)
		p.Facts = append(p.Facts, [2]string{"best checkpoint", best})
	}
	if len(p.Gates) > 0 {
		p.FirstLayer = r.job.Model.Config().Layers - len(p.Gates)
	}
	return p
}
