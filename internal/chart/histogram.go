package chart

import (
	"fmt"
	"math"

	"fettle/internal/human"
)

// Class counts the values From … To.
type Class struct{ From, To, Count int }

// span writes the values of a class: "5", or "5 to 9".
func (c Class) span() string {
	if c.From == c.To {
		return human.Count(c.From)
	}
	return human.Count(c.From) + " to " + human.Count(c.To)
}

// Histogram sorts values, which are in order, into at most twelve classes of equal, round width.
func Histogram(sorted []int) []Class {
	const classes = 11
	first, last := sorted[0], sorted[len(sorted)-1]
	step := max(1, int(round(float64(last-first+1)/classes)))
	first -= ((first % step) + step) % step
	out := make([]Class, (last-first)/step+1)
	for i := range out {
		out[i].From, out[i].To = first+i*step, first+(i+1)*step-1
	}
	for _, n := range sorted {
		out[(n-first)/step].Count++
	}
	return out
}

// Bars is a histogram. Places are in percent of its width and height.
type Bars struct {
	Title, Caption string
	Summary        string // for those who do not see it
	X, Y           []Tick
	Bars           []Bar
}

// Bar is a class and its rectangle, in a column that answers to the pointer.
type Bar struct {
	Class
	X, Y, Width, Height  float64
	Left, Column, Middle float64
	Text                 string
}

// NewBars draws the counts of values, which are in order; unit names a value.
func NewBars(title, caption, unit string, sorted []int) Bars {
	classes := Histogram(sorted)
	y := newAxis(0, float64(Top(classes)), 4)
	y.step = max(1, y.step)
	out := Bars{Title: title, Caption: caption, Summary: fmt.Sprintf("%s: %s from %s to %s, half of them up to %s",
		caption, unit, human.Count(sorted[0]), human.Count(sorted[len(sorted)-1]), human.Count(sorted[(len(sorted)-1)/2]))}
	for _, v := range y.values() {
		out.Y = append(out.Y, Tick{100 - 100*y.part(v), y.label(v)})
	}
	width := 100 / float64(len(classes))
	every := int(math.Ceil(float64(len(classes)+1) / 7))
	for i, c := range classes {
		height, x := 100*y.part(float64(c.Count)), float64(i)*width
		out.Bars = append(out.Bars, Bar{Class: c, X: x + width*0.04, Y: 100 - height, Width: width * 0.92, Height: height,
			Left: x, Column: width, Middle: x + width/2, Text: fmt.Sprintf("%s %s: %s", c.span(), unit, human.Count(c.Count))})
		if i%every == 0 {
			out.X = append(out.X, Tick{x, human.Count(c.From)})
		}
	}
	if len(classes)%every == 0 {
		out.X = append(out.X, Tick{100, human.Count(classes[len(classes)-1].To + 1)})
	}
	return out
}

// Top returns the largest count, 1 at least.
func Top(classes []Class) int {
	top := 1
	for _, c := range classes {
		top = max(top, c.Count)
	}
	return top
}
