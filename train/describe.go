package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"fettle/internal/atomicfile"
	"fettle/internal/human"
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

// publish shows the run as it is. Everything that takes time is done by those who read it.
func (r *run) publish(phase report.Phase, note string) {
	elapsed, gates := r.elapsed(), r.job.Adapter.Gates()
	r.job.Board.Publish(report.Page{
		Title: r.config.OutputDir, History: r.log.History, Settings: string(r.job.Settings), Facts: r.facts(),
		Gates: gates, FirstLayer: r.job.Model.Config().Layers - len(gates),
		Status: report.Status{
			Phase: phase, Step: r.state.Step, Steps: r.steps.total, Epoch: r.steps.epochs(r.state.Step),
			Epochs: r.steps.epochs(r.steps.total), Elapsed: seconds(elapsed), Left: r.left(elapsed), Note: note,
			Resume: phase == report.Stopped && r.state.Step > 0, Written: time.Now().Unix(),
		},
	})
}

// left estimates the time that the rest of the run takes, from the time that has elapsed.
func (r *run) left(elapsed float64) time.Duration {
	done := r.state.Step
	return seconds(elapsed / float64(max(done, 1)) * float64(r.steps.total-done))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// keepPage writes report.html while the run goes on; the function that it returns ends that.
func (r *run) keepPage() (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var writing sync.WaitGroup
	writing.Go(func() { r.job.Board.Keep(ctx, atomicfile.OS{}, r.config.OutputDir, 2*time.Second) })
	return func() {
		cancel()
		writing.Wait()
	}
}

// ended writes the page of a run that ended early. It tells why the run ended, so what prevents it goes unreported.
func (r *run) ended(err error) {
	if r.log == nil {
		return // the run has not begun
	}
	if errors.Is(err, ErrStopped) {
		r.publish(report.Stopped, "")
	} else {
		r.publish(report.Failed, err.Error())
	}
	if !r.leads() {
		return
	}
	r.noteEnd(err)
	r.job.Board.Write(r.disk, r.config.OutputDir)
}

// facts describes the run.
func (r *run) facts() [][2]string {
	facts := [][2]string{
		{"method", r.config.Type},
		{"trainable parameters", human.Count(r.job.Adapter.Size())},
		{"base", cmp.Or(r.job.Record.Base, r.config.ModelName)},
		{"recipe", r.config.Recipe},
		{"compute", r.job.Record.Compute},
		{"examples", fmt.Sprintf("%s, %s learned tokens in an epoch", human.Count(len(r.job.Training)),
			human.Count(r.learned))},
		{"held out", human.Count(len(r.job.Evaluation))},
		{"machine", fmt.Sprintf("%s/%s, %d threads", runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0))},
	}
	if n := r.size(); n > 1 {
		facts = append(facts, [2]string{"ranks", human.Count(n)})
	}
	if w := r.state.Watch; w.BestStep > 0 {
		best := fmt.Sprintf("%s, held-out loss %.4f", w.best(), w.BestLoss)
		facts = append(facts, [2]string{"best checkpoint", best})
	}
	return facts
}
