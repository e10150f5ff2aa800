package chart

import (
	"math"
	"strconv"
	"strings"

	"fettle/internal/human"
)

// Tick is a labelled place on an axis, in percent from the left or from the top.
type Tick struct {
	At    float64
	Label string
}

// axis is a range of values with round ticks.
type axis struct{ low, high, step float64 }

// newAxis returns an axis over the values from low to high with about n steps. Its ends are ticks.
func newAxis(low, high float64, n int) axis {
	if !(high > low) {
		room := max(math.Abs(low)/10, 1e-9)
		low, high = low-room, high+room
	}
	step := round((high - low) / float64(n))
	return axis{math.Floor(low/step+1e-9) * step, math.Ceil(high/step-1e-9) * step, step}
}

// round returns the smallest of 1, 2 and 5, times a power of ten, that is not below x.
func round(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= x*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// part returns where between low, 0, and high, 1, a value is.
func (a axis) part(v float64) float64 { return (v - a.low) / (a.high - a.low) }

// values lists the values of the ticks.
func (a axis) values() (all []float64) {
	for i := range int(math.Round((a.high-a.low)/a.step)) + 1 {
		v := a.low + float64(i)*a.step
		if math.Abs(v) < a.step/2 {
			v = 0 // not 1e-17
		}
		all = append(all, v)
	}
	return all
}

// label writes a tick's value with the digits that tell it from the next one.
func (a axis) label(v float64) string {
	largest := max(math.Abs(a.low), math.Abs(a.high))
	switch {
	case v == 0:
		return "0"
	case largest < 1e-3 || largest >= 1e7:
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', a.digits(v), 64), "e")
		n, _ := strconv.Atoi(exponent)
		return mantissa + "e" + strconv.Itoa(n)
	case a.step >= 1:
		return whole(v)
	}
	return strconv.FormatFloat(v, 'f', max(0, int(-math.Floor(math.Log10(a.step)+1e-9))), 64)
}

// digits returns how many digits v needs after the first one.
func (a axis) digits(v float64) int {
	return max(0, int(math.Floor(math.Log10(math.Abs(v))+1e-9)-math.Floor(math.Log10(a.step)+1e-9)))
}

// whole writes a whole number with thousands separated.
func whole(v float64) string {
	if v < 0 {
		return "-" + human.Count(int(math.Round(-v)))
	}
	return human.Count(int(math.Round(v)))
}
