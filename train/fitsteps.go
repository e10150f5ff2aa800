package train

import (
	"math"

	"fettle/internal/human"
)

// mostRate is the largest learning rate without a warning: published runs have 1e-5 … 1e-2.
const mostRate = 0.1

// fitRates checks the schedule against the run's steps.
func (c Config) fitRates(m *misfits, total int) {
	rates, err := newSchedule(c, total)
	if err != nil {
		return
	}
	m.add(c.LearningRate == 0, "learning_rate", "is 0: nothing is learned")
	m.add(c.LearningRate > mostRate, "learning_rate", "is %v, and 1e-5 … 1e-2 is usual: the loss will probably rise",
		c.LearningRate)
	key, value := "warmup_steps", c.WarmupSteps
	if value == 0 {
		key, value = "warmup_ratio", c.WarmupRatio
	}
	peak := rates.rate(total - 1)
	switch {
	case c.LearningRate == 0 || rates.Warmup < total:
	case peak == 0:
		m.add(true, key, "is %v: the warm-up takes %d of %s, every learning rate is 0 and nothing is learned: set "+
			"warmup_steps and warmup_ratio to 0", value, rates.Warmup, human.Plural(total, "step"))
	default:
		m.add(true, key, "is %v: the warm-up takes %s and the run has %d, so that the learning rate ends at %.2g and "+
			"never reaches %v: set warmup_steps to %d", value,
			human.Plural(rates.Warmup, "step"), total, peak, c.LearningRate, (total+9)/10)
	}
	if rates.name != "warmup_stable_decay" {
		return
	}
	end := float64(rates.Warmup) + rates.DecaySteps
	if !math.IsNaN(rates.StableSteps) {
		end += rates.StableSteps
	}
	m.add(end > float64(total), "lr_scheduler_kwargs", "asks for %.0f steps of decay, and with those before it for %.0f; "+
		"the run has %d: set num_decay_steps to %d", rates.DecaySteps, end, total, (total+9)/10)
}

// trainersLogging is logging_steps of Hugging Face's Trainer where it is not set.
const trainersLogging = 500

// fitIntervals checks what is done every so many steps.
func (c Config) fitIntervals(m *misfits, total int, n Counts) {
	usual, third := Defaults(), max(1, total/3)
	if c.LoggingSteps == trainersLogging {
		usual.LoggingSteps = trainersLogging
	}
	for _, i := range []struct {
		key          string
		every, usual int
		acts         bool
		what         string
	}{
		{"save_steps", c.SaveSteps, usual.SaveSteps, true, "the only checkpoint is that of the last step"},
		{"eval_steps", c.EvalSteps, usual.EvalSteps, n.Held > 0, "it is evaluated before and after only"},
		{"logging_steps", c.LoggingSteps, usual.LoggingSteps, true, "no step is printed before the last one"},
		{"sample_steps", c.SampleSteps, usual.SampleSteps, len(c.SamplePrompts) > 0, "samples come before and after only"},
	} {
		stated := i.every != i.usual || n.Stated != nil && n.Stated(i.key)
		m.add(i.acts && i.every > total && stated, i.key, "is %d and the run has %s: %s; set it to %d, or "+
			"to 0", i.every, human.Plural(total, "step"), i.what, third)
	}
}

// fitBest checks whether early stopping and the best checkpoint have evaluations to choose from.
func (c Config) fitBest(m *misfits, total int, held bool) {
	if !held || c.EvalSteps == 0 {
		return
	}
	before := (total - 1) / c.EvalSteps // evaluations after the first step and before the last
	m.add(c.Patience > 0 && before <= c.Patience, "early_stopping_patience",
		"is %d, and with eval_steps %d there are %d evaluations before the last of %d steps: it can never end the run; set "+
			"eval_steps to %d", c.Patience, c.EvalSteps, before, total, max(1, (total-1)/(c.Patience+1)))
	m.add(c.LoadBest && c.SaveSteps >= total && total > 1, "load_best_model_at_end",
		"chooses among checkpoints every %d steps (save_steps), and the run has %d: only the last one; set save_steps and "+
			"eval_steps to %d", c.SaveSteps, total, max(1, total/3))
}
