package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"fettle/internal/human"
)

// Progress shows a run's steps: a line that is updated in place where there is one, otherwise a message every few
// steps.
type Progress struct {
	Log    zerolog.Logger
	Status func(forms ...string) // shows the first of the forms that there is room for; nil: no line is updated in place
	Every  int                   // steps between messages
	Total  int                   // steps of the run
}

// Step shows a finished step.
func (p *Progress) Step(r StepRow, left time.Duration) {
	if p.Status != nil {
		p.Status(p.forms(r, left)...)
		return
	}
	if r.Step == 1 || r.Step == p.Total || p.Every > 0 && r.Step%p.Every == 0 {
		p.Log.Info().Int("step", r.Step).Int("steps", p.Total).Float64("epoch", r.Epoch).Float64("loss", r.Loss).
			Float64("learning_rate", r.LearningRate).Float64("grad_norm", r.GradNorm).
			Float64("tokens_per_second", r.TokensPerSecond).Float64("seconds_left", left.Seconds()).
			Msg(p.forms(r, left)[0])
	}
}

// forms words a step, from the longest to the shortest.
func (p *Progress) forms(r StepRow, left time.Duration) []string {
	step, loss := fmt.Sprintf("step %d/%d", r.Step, p.Total), fmt.Sprintf("loss %.4f", r.Loss)
	rate, speed := fmt.Sprintf("lr %.2e", r.LearningRate), human.Count(int(r.TokensPerSecond+0.5))+" tokens/s"
	time := human.Duration(left) + " left"
	var forms []string
	for _, parts := range [][]string{
		{step, loss, rate, speed, time}, {step, loss, speed, time}, {step, loss, time}, {step, loss}, {step},
	} {
		forms = append(forms, strings.Join(parts, "  "))
	}
	return forms
}
