package train

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// curve holds the shape of a schedule after its warm-up: what lr_scheduler_kwargs sets.
type curve struct {
	Cycles      float64 // num_cycles
	Min         float64 // of Peak: min_lr_rate, min_lr/learning_rate or min_lr_ratio
	WarmupRate  float64 // warmup_lr_rate; NaN: 1/Warmup
	End, Power  float64 // lr_end, power
	Timescale   float64 // 0: the warm-up's steps
	DecaySteps  float64
	StableSteps float64 // NaN: what warm-up and decay leave
	WarmupType  string
	DecayType   string
}

// Stages of warmup_stable_decay.
const (
	stageLinear = "linear"
	stageCosine = "cosine"
	stageSqrt   = "1-sqrt"
)

// newCurve reads lr_scheduler_kwargs.
func (c Config) newCurve(k kind) (curve, error) {
	v := curve{
		Cycles: 0.5, End: 1e-7, Power: 1, WarmupRate: math.NaN(), StableSteps: math.NaN(),
		WarmupType: stageLinear, DecayType: stageCosine,
	}
	if k.name == "cosine_with_restarts" {
		v.Cycles = 1
	}
	given, err := keyValues(c.ScheduleArgs)
	if err != nil {
		return v, err
	}
	for _, pair := range given {
		if !slices.Contains(k.kwargs, pair.key) {
			want := "it takes none"
			if len(k.kwargs) > 0 {
				want = "it takes " + strings.Join(k.kwargs, ", ")
			}
			return v, fmt.Errorf("lr_scheduler_kwargs: lr_scheduler_type %s has no %q: %s", k.name, pair.key, want)
		}
		if err := v.set(pair.key, pair.value, c.LearningRate); err != nil {
			return v, fmt.Errorf("lr_scheduler_kwargs: %w", err)
		}
	}
	return v, c.checkCurve(v, k, given)
}

// checkCurve checks what depends on several settings.
func (c Config) checkCurve(v curve, k kind, given []keyValue) error {
	has := func(key string) bool {
		return slices.ContainsFunc(given, func(p keyValue) bool { return p.key == key && p.value != "null" })
	}
	switch {
	case slices.Contains(k.kwargs, "min_lr") && has("min_lr") == has("min_lr_rate"):
		return fmt.Errorf("lr_scheduler_kwargs: lr_scheduler_type %s needs either min_lr, a rate, or min_lr_rate, a part of "+
			"learning_rate, such as min_lr_rate=0.1", k.name)
	case k.name == "polynomial" && !(c.LearningRate > v.End):
		return fmt.Errorf("lr_scheduler_kwargs: lr_end is %v, want less than learning_rate %v", v.End, c.LearningRate)
	case k.name == "warmup_stable_decay" && !has("num_decay_steps"):
		return errors.New("lr_scheduler_kwargs: lr_scheduler_type warmup_stable_decay needs num_decay_steps, the steps of " +
			"its decay, such as num_decay_steps=100")
	}
	return nil
}

// set sets one of the values from its text. null stands for the default.
func (v *curve) set(key, text string, peak float64) error {
	if text == "null" {
		return nil
	}
	switch key {
	case "warmup_type":
		return setStage(&v.WarmupType, key, text)
	case "decay_type":
		return setStage(&v.DecayType, key, text)
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !(x >= 0 && x <= 1e9) {
		return fmt.Errorf("%s is %q, want a number from 0 to 1e9", key, text)
	}
	steps := key == "timescale" || key == "num_decay_steps" || key == "num_stable_steps"
	if steps && (x != math.Trunc(x) || key == "timescale" && x < 1) {
		return fmt.Errorf("%s is %v, want a whole number of steps", key, x)
	}
	switch key {
	case "num_cycles":
		v.Cycles = x
	case "min_lr_rate", "min_lr_ratio":
		v.Min = x
	case "min_lr":
		if v.Min = x / peak; !(peak > 0) {
			return fmt.Errorf("min_lr is %v and learning_rate %v, want more than 0", x, peak)
		}
	case "warmup_lr_rate":
		v.WarmupRate = x
	case "lr_end":
		v.End = x
	case "power":
		v.Power = x
	case "timescale":
		v.Timescale = x
	case "num_decay_steps":
		v.DecaySteps = x
	case "num_stable_steps":
		v.StableSteps = x
	}
	return nil
}

func setStage(to *string, key, text string) error {
	types := []string{stageLinear, stageCosine, stageSqrt}
	if *to = text; !slices.Contains(types, text) {
		return fmt.Errorf("%s is %q, want %s", key, text, strings.Join(types, ", "))
	}
	return nil
}

// keyValue is one of a list of key=value.
type keyValue struct{ key, value string }

// keyValues reads a list of key=value.
func keyValues(list []string) (pairs []keyValue, err error) {
	for _, text := range list {
		key, value, ok := strings.Cut(text, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || key == "" || value == "" {
			return nil, fmt.Errorf("lr_scheduler_kwargs: %q, want key=value such as num_cycles=2", text)
		}
		if value == "None" {
			value = "null"
		}
		if slices.ContainsFunc(pairs, func(p keyValue) bool { return p.key == key }) {
			return nil, fmt.Errorf("lr_scheduler_kwargs: %s is set twice", key)
		}
		pairs = append(pairs, keyValue{key, value})
	}
	return pairs, nil
}
