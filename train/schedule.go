package train

import (
	"math"
	"math/big"
)

// schedule computes the learning rate of every optimizer step as Hugging Face's schedulers do: with warm-up, the first
// step has rate 0.
type schedule struct {
	Kind   string // linear, cosine or constant
	Peak   float64
	Warmup int // steps
	Total  int // steps
}

// rate returns the learning rate of step k, counted from 0, with w = Warmup and T = Total:
//
//	k < w     Peak·k/w
//	linear    Peak·(T−k)/(T−w)
//	cosine    Peak·(1+cos(π·(k−w)/(T−w)))/2
//	constant  Peak
func (s schedule) rate(k int) float64 {
	w, t := float64(s.Warmup), float64(s.Total)
	at := float64(k)
	switch {
	case k < s.Warmup:
		return s.Peak * (at / max(1, w))
	case s.Kind == "linear":
		return s.Peak * max(0, (t-at)/max(1, t-w))
	case s.Kind == "cosine":
		return s.Peak * max(0, 0.5*(1+cosine(math.Pi*((at-w)/max(1, t-w)))))
	}
	return s.Peak
}

// newSchedule returns the schedule of a run of total steps.
func newSchedule(c Config, total int) schedule {
	warmup := c.WarmupSteps
	if warmup == 0 {
		warmup = int(math.Ceil(c.WarmupRatio * float64(total)))
	}
	return schedule{c.Schedule, c.LearningRate, warmup, total}
}

// cosine returns the correctly rounded cos(x) for 0 ≤ x ≤ π, from the Taylor series. Towards the end of a run 1+cos
// cancels, and the last bit of math.Cos shows.
func cosine(x float64) float64 {
	const bits = 200
	square := new(big.Float).SetPrec(bits).SetFloat64(x)
	square.Mul(square, square)
	sum, term := big.NewFloat(1).SetPrec(bits), big.NewFloat(1).SetPrec(bits)
	for n := int64(2); n < 80; n += 2 { // π⁸⁰/80! < 2⁻²⁰⁰
		term.Mul(term, square)
		term.Quo(term, new(big.Float).SetInt64(-n*(n-1)))
		sum.Add(sum, term)
	}
	y, _ := sum.Float64()
	return y
}
