package train

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"fettle/adapter"
	"fettle/internal/atomicfile"
	"fettle/internal/checkpoint/safetensors"
	"fettle/train/checkpoint"
	"fettle/train/report"
)

// done reports whether the run has come to its end.
func (r *run) done() bool {
	return r.state.Step == r.steps.total || r.config.Patience > 0 && r.state.Watch.Stale >= r.config.Patience
}

// keep does what is due after the steps so far: an evaluation, samples, a
// checkpoint.
func (r *run) keep(ctx context.Context) error {
	c, step := r.config, r.state.Step
	due := func(every int) bool { return r.done() || every > 0 && step%every == 0 }
	if (step == 0 || due(c.EvalSteps)) && r.state.Evaluated != step {
		if err := r.evaluation(ctx); err != nil {
			return err
		}
	}
	if (step == 0 || due(c.SampleSteps)) && r.state.Sampled != step {
		if err := r.samples(ctx); err != nil {
			return err
		}
	}
	if step == 0 || !due(c.SaveSteps) {
		return nil
	}
	if r.state.Evaluated == step && len(r.job.Evaluation) > 0 {
		r.state.Watch.kept(step, r.state.EvalLast)
	}
	return r.save()
}

// evaluation measures the evaluation set, if there is one.
func (r *run) evaluation(ctx context.Context) error {
	if len(r.job.Evaluation) == 0 {
		r.state.Evaluated = r.state.Step
		return nil
	}
	began := time.Now()
	loss, tokens, err := r.evaluate(ctx)
	if err != nil {
		return err
	}
	if !finite(loss) {
		return fmt.Errorf("step %d: held-out loss is %v: %w", r.state.Step, loss, ErrNotFinite)
	}
	if r.state.Step == 0 {
		r.state.EvalBefore = loss
	} else {
		r.state.Watch.evaluated(loss, r.evalSet, r.config.Threshold)
	}
	r.state.Evaluated, r.state.EvalLast = r.state.Step, loss
	r.log.Add(report.EvalRow{
		Step: r.state.Step, EvalLoss: loss, EvalTokens: tokens, EvalSeconds: time.Since(began).Seconds(),
		ElapsedSeconds: r.elapsed(),
	})
	r.info("evaluation at step %d: loss %.4f over %d tokens", r.state.Step, loss, tokens)
	if stale := r.state.Watch.Stale; r.config.Patience > 0 && stale >= r.config.Patience {
		r.info("%d evaluations without a better loss than %.4f: the run ends here", stale, r.state.Watch.Lowest)
	}
	return nil
}

// info writes a log entry.
func (r *run) info(format string, args ...any) {
	r.show.Break()
	r.job.Log.Info().Msgf(format, args...)
}

// samples answers sample_prompts.
func (r *run) samples(ctx context.Context) error {
	var rows []report.SampleRow
	for _, prompt := range r.config.SamplePrompts {
		if r.job.Sample == nil {
			break
		}
		text, err := r.job.Sample(ctx, prompt)
		if err == nil {
			err = ctx.Err() // half an answer does not count
		}
		if err != nil {
			return fmt.Errorf("sample %q at step %d: %w", prompt, r.state.Step, err)
		}
		rows = append(rows, report.SampleRow{Step: r.state.Step, Prompt: prompt, Sample: text, ElapsedSeconds: r.elapsed()})
	}
	r.state.Sampled = r.state.Step
	for _, row := range rows {
		r.log.Add(row)
		r.show.Say("sample at step %d: %s\n  %s", row.Step, row.Prompt, strings.ReplaceAll(row.Sample, "\n", "\n  "))
	}
	return nil
}

// save writes a checkpoint of the step that was just finished.
func (r *run) save() error {
	files, err := r.adapterFiles()
	if err != nil {
		return err
	}
	files[optimizerFile] = func(w io.Writer) error {
		return safetensors.Encode(w, r.optimizer.tensors(), map[string]string{"format": "pt"})
	}
	s := r.state
	s.Elapsed = r.elapsed()
	state, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	log, err := r.trainerState(nil)
	if err != nil {
		return err
	}
	files[stateFile], files[report.TrainerStateFile] = atomicfile.Bytes(state), atomicfile.Bytes(log)
	r.log.Sync()
	dir, best := r.config.OutputDir, r.state.Watch
	if err := checkpoint.Write(r.disk, dir, r.state.Step, files); err != nil {
		return err
	}
	if err := best.point(r.disk, dir); err != nil {
		return err
	}
	return checkpoint.Prune(r.disk, dir, r.config.SaveLimit, best.best())
}

// adapterFiles are the adapter's own files and its record.
func (r *run) adapterFiles() (map[string]atomicfile.Content, error) {
	files, err := r.job.Adapter.Files()
	if err != nil {
		return nil, err
	}
	for name, text := range r.job.Beside {
		files[name] = atomicfile.Bytes(text)
	}
	record, err := r.job.Record.Encode()
	files[adapter.RecordFile] = atomicfile.Bytes(record)
	return files, err
}
