package train

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// schedule computes the learning rate of every optimizer step, to the bits of Hugging Face's scheduler of the same
// name: with warm-up, the first step has rate 0.
type schedule struct {
	kind
	curve
	Peak   float64
	Warmup int // steps
	Total  int // steps
}

// kind is a schedule's name, the keys that lr_scheduler_kwargs may have, and the factor of Peak at step k.
type kind struct {
	name   string
	kwargs []string
	factor func(s schedule, k float64) float64 // after warm-up
	warm   func(s schedule, k float64) float64 // during it; nil: k/w
}

// kinds lists the schedules. Their formulas, at step k with w = Warmup, T = Total, p = (k−w)/(T−w) and c = num_cycles:
//
//	linear                     1 − p
//	cosine                     (1 + cos 2πcp) / 2, c = ½: half a wave
//	cosine_with_restarts       (1 + cos π(cp mod 1)) / 2
//	cosine_with_min_lr         m + (1−m)·cosine, m = min_lr_rate or min_lr/Peak
//	cosine_warmup_with_min_lr  the same a step earlier, see earlyCosine
//	polynomial                 e + (1−e)·(1−p)^power, e = lr_end/Peak
//	constant                   1, without warm-up
//	constant_with_warmup       1
//	inverse_sqrt               √(t / (k−w+t)), t = timescale, or w, or 10,000
//	warmup_stable_decay        1, then a decay over the last num_decay_steps, see stableDecay
func kinds() []kind {
	one := func(schedule, float64) float64 { return 1 }
	return []kind{
		{"linear", nil, linear, nil},
		{"cosine", []string{"num_cycles"}, minimalCosine, nil}, // to a minimum of 0
		{"cosine_with_restarts", []string{"num_cycles"}, restarts, nil},
		{"cosine_with_min_lr", []string{"num_cycles", "min_lr", "min_lr_rate"}, minimalCosine, nil},
		{"cosine_warmup_with_min_lr", []string{"num_cycles", "min_lr", "min_lr_rate", "warmup_lr_rate"}, earlyCosine,
			earlyWarmup},
		{"polynomial", []string{"lr_end", "power"}, polynomial, nil},
		{"constant", nil, one, nil},
		{"constant_with_warmup", nil, one, nil},
		{"inverse_sqrt", []string{"timescale"}, inverseSqrt, nil},
		{"warmup_stable_decay", []string{"num_decay_steps", "num_stable_steps", "warmup_type", "decay_type", "min_lr_ratio",
			"num_cycles"}, stableDecay, stableWarmup},
	}
}

// scheduleNames lists the schedules' names.
func scheduleNames() (names []string) {
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}

func findKind(name string) (kind, error) {
	if i := slices.Index(scheduleNames(), name); i >= 0 {
		return kinds()[i], nil
	}
	if name == "reduce_lr_on_plateau" || name == "greedy" {
		return kind{}, fmt.Errorf("lr_scheduler_type is %q, which changes rates by the losses it sees and is not supported; "+
			"want %s", name, strings.Join(scheduleNames(), ", "))
	}
	return kind{}, fmt.Errorf("lr_scheduler_type is %q, want %s", name, strings.Join(scheduleNames(), ", "))
}

// newSchedule returns the schedule of a run of total steps.
func newSchedule(c Config, total int) (schedule, error) {
	k, err := findKind(c.Schedule)
	if err != nil {
		return schedule{}, err
	}
	v, err := c.newCurve(k)
	return schedule{k, v, c.LearningRate, c.warmup(total), total}, err
}

// warmup returns the number of warm-up steps of a run of total steps.
func (c Config) warmup(total int) int {
	switch {
	case c.Schedule == "constant":
		return 0
	case c.WarmupSteps >= 1:
		return int(c.WarmupSteps)
	case c.WarmupSteps > 0:
		return int(math.Ceil(float64(total) * c.WarmupSteps))
	}
	return int(math.Ceil(float64(total) * c.WarmupRatio))
}

// rate returns the learning rate of step k, counted from 0.
func (s schedule) rate(k int) float64 {
	if at := float64(k); k >= s.Warmup {
		return s.Peak * s.factor(s, at)
	} else if s.warm != nil {
		return s.Peak * s.warm(s, at)
	}
	return s.Peak * s.warming(float64(k))
}

// warming returns the part of the warm-up that is over at step k.
func (s schedule) warming(k float64) float64 { return k / max(1, float64(s.Warmup)) }

// progress returns p, the part of the steps after warm-up that is over at step k.
func (s schedule) progress(k float64) float64 {
	w, t := float64(s.Warmup), float64(s.Total)
	return (k - w) / max(1, t-w)
}

// still reports whether the rates of the first n steps are all 0.
func (s schedule) still(n int) bool {
	if s.Peak == 0 {
		return true
	}
	for k := range n {
		if s.rate(k) != 0 {
			return false
		}
	}
	return true
}
