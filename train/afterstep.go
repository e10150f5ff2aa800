package train

import (
	"context"
	"fmt"
	"strings"

	"fettle/internal/human"
	"fettle/train/report"
)

// done reports whether all steps are done or early stopping ends the run.
func (r *run) done() bool {
	return r.state.ended(r.config, r.steps)
}

// afterStep evaluates, samples and saves a checkpoint, whichever is due after the steps so far.
func (r *run) afterStep(ctx context.Context) error {
	c, step := r.config, r.state.Step
	due := func(every int) bool { return r.done() || every > 0 && step%every == 0 }
	if (step == 0 || due(c.EvalSteps)) && r.state.Evaluated != step {
		if step > 0 && (c.EvalSteps == 0 || step%c.EvalSteps != 0) {
			before := r.state.Watch
			r.state.Unended = &before
		}
		if err := r.evaluation(ctx); err != nil {
			return err
		}
	}
	if (step == 0 || due(c.SampleSteps)) && r.state.Sampled != step {
		if err := r.together(ctx, func() error { return r.samples(ctx) }); err != nil {
			return err
		}
		r.state.Sampled = step
	}
	if asked := step > 0 && r.askedToSave(); step == 0 || !due(c.SaveSteps) && !asked {
		return nil
	}
	if r.state.Evaluated == step && len(r.job.Evaluation) > 0 {
		r.state.Watch.kept(step, r.state.EvalLast)
	}
	return r.together(ctx, r.save)
}

// askedToSave reports whether somebody asked for a checkpoint.
func (r *run) askedToSave() bool {
	if r.ranks != nil {
		return r.asked
	}
	return r.job.Board.AskedToSave()
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
			err = ctx.Err() // a cancelled answer is incomplete
		}
		if err != nil {
			return fmt.Errorf("sample %q at step %d: %w", prompt, r.state.Step, err)
		}
		rows = append(rows, report.SampleRow{Step: r.state.Step, Prompt: prompt, Sample: text, ElapsedSeconds: r.elapsed()})
	}
	for _, row := range rows {
		r.log.Add(row)
		r.job.Steps.Info().Int("step", row.Step).Str("prompt", row.Prompt).Str("sample", row.Sample).Msgf(
			"Sample %s: %s\n  %s", r.when(), row.Prompt, strings.ReplaceAll(row.Sample, "\n", "\n  "))
	}
	return nil
}

// when says how far the run is.
func (r *run) when() string {
	if r.state.Step == 0 {
		return "before the first step"
	}
	return "after step " + human.Count(r.state.Step)
}
