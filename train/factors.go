package train

import "math"

// The factors of the peak rate after warm-up, by schedule. Their operations are those of Hugging Face's formulas, one
// by one, so that the last bit is theirs.

func linear(s schedule, k float64) float64 {
	return max(0, (float64(s.Total)-k)/max(1, float64(s.Total)-float64(s.Warmup)))
}

// wave returns (1 + cos 2πcp) / 2.
func (s schedule) wave(p float64) float64 { return 0.5 * (1 + cosine(math.Pi*s.Cycles*2*p)) }

// above raises a factor between 0 and 1 to one between Min and 1.
func (s schedule) above(factor float64) float64 { return max(0, float64(factor*(1-s.Min))+s.Min) }

func minimalCosine(s schedule, k float64) float64 { return s.above(s.wave(s.progress(k))) }

// earlyCosine is a step ahead of minimalCosine: its first step has a rate above 0, its last one the lowest.
func earlyCosine(s schedule, k float64) float64 { return minimalCosine(s, k+1) }

// earlyWarmup returns (k+1)/w or, with warmup_lr_rate r, r + (1−r)·k/(w−1).
func earlyWarmup(s schedule, k float64) float64 {
	w := float64(s.Warmup)
	if math.IsNaN(s.WarmupRate) {
		return (k + 1) / max(1, w)
	}
	return s.WarmupRate + (1-s.WarmupRate)*k/max(1, w-1)
}

func restarts(s schedule, k float64) float64 {
	p := s.progress(k)
	if p >= 1 {
		return 0
	}
	return max(0, 0.5*(1+cosine(math.Pi*math.Mod(s.Cycles*p, 1))))
}

func polynomial(s schedule, k float64) float64 {
	if k > float64(s.Total) {
		return s.End / s.Peak
	}
	remaining := 1 - s.progress(k)
	return (float64((s.Peak-s.End)*power(remaining, s.Power)) + s.End) / s.Peak
}

func inverseSqrt(s schedule, k float64) float64 {
	scale := s.Timescale
	if scale == 0 {
		scale = float64(s.Warmup)
	}
	if scale == 0 {
		scale = 10_000
	}
	return 1 / math.Sqrt((k+(scale-float64(s.Warmup)))/scale)
}

// stableDecay is 1 for num_stable_steps after the warm-up, by default until num_decay_steps before the end, then it
// falls to min_lr_ratio and stays there. Hägele et al. 2024, arXiv:2405.18392.
func stableDecay(s schedule, k float64) float64 {
	stable := s.StableSteps
	if math.IsNaN(stable) {
		stable = float64(s.Total) - float64(s.Warmup) - s.DecaySteps
	}
	switch at := k - float64(s.Warmup) - stable; {
	case at < 0:
		return 1
	case at < s.DecaySteps:
		p := at / max(1, s.DecaySteps)
		switch s.DecayType {
		case stageCosine:
			return s.above(s.wave(p))
		case stageSqrt:
			return s.above(1 - math.Sqrt(p))
		}
		return s.above(1 - p)
	}
	return s.Min
}

// stableWarmup rises from min_lr_ratio to 1.
func stableWarmup(s schedule, k float64) float64 {
	p := s.warming(k)
	switch s.WarmupType {
	case stageCosine:
		p = 0.5 * (1 - cosine(math.Pi*p))
	case stageSqrt:
		p = 1 - math.Sqrt(1-p)
	}
	return s.above(p)
}
