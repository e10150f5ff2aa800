// Package chart draws charts: curves and histograms as SVG, a line of text for a terminal.
package chart

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Curve is a named line of a plot, its points in order of X.
type Curve struct {
	Name     string
	Points   []Point
	Smoothed bool // drawn pale, under its mean, if there are enough points
	Marked   bool // each point is marked
}

// colours is the number of colours of package look; further curves are dashed.
const colours = 4

// Most is the number of curves that a plot can tell apart.
const Most = 2 * colours

// drawn is a curve with its colour.
type drawn struct {
	class string
	Curve
}

// Plot is a chart of curves over steps. Places are in percent of its width and height.
type Plot struct {
	Title   string
	Summary string // for those who do not see it
	X, Y    []Tick
	Legend  []Key
	Lines   []Line
	Marks   []Mark
	Hits    []Hit
}

// Key is an entry of the legend; Class names the curve's colour.
type Key struct{ Class, Name string }

// Line is a polyline in a box of 1000 × 1000.
type Line struct{ Class, Points string }

// Mark is a point that is drawn as a dot.
type Mark struct {
	Class string
	X, Y  float64
}

// Hit is a column of the plot with the values in it.
type Hit struct {
	X, Width float64
	At       float64 // the step
	Text     string
	Marks    []Mark // the values
}

// Places lists the step and the values for chart.js: at, then class, height for each value.
func (h Hit) Places() string {
	text := fmt.Sprintf("%.2f", h.At)
	for _, m := range h.Marks {
		text += fmt.Sprintf(" %s %.2f", m.Class, m.Y)
	}
	return text
}

const (
	columns = 400 // of a drawn line
	columnH = 200 // that answer to the pointer
)

// NewPlot draws curves over the steps 0 to last, without their points that are not finite. format writes a value, as
// "%.4f" does.
func NewPlot(title, format string, last int, curves ...Curve) Plot {
	p := Plot{Title: title}
	curves = slices.Clone(curves)
	low, high, steps := math.Inf(1), math.Inf(-1), float64(max(last, 1))
	for i, c := range curves {
		c.Points = Finite(c.Points)
		curves[i] = c
		for _, point := range c.Points {
			low, high, steps = min(low, point.Y), max(high, point.Y), max(steps, point.X)
		}
	}
	if low > high {
		low, high = 0, 1
	}
	y := newAxis(low, high, 5)
	for _, v := range y.values() {
		p.Y = append(p.Y, Tick{100 - 100*y.part(v), y.label(v)})
	}
	x := newAxis(0, steps, 6)
	x.step = max(1, x.step)
	for v := 0.0; v <= steps; v += x.step {
		p.X = append(p.X, Tick{100 * v / steps, whole(v)})
	}
	at := func(point Point) (float64, float64) { return 100 * point.X / steps, 100 - 100*y.part(point.Y) }
	var shown []drawn
	var summary []string
	for i, c := range curves {
		if len(c.Points) == 0 {
			continue
		}
		class, dash := fmt.Sprint("s", i%colours+1), ""
		if i >= colours {
			dash = " dashed"
		}
		if k := Around(len(c.Points)); c.Smoothed && k > 0 {
			mean := Curve{Name: fmt.Sprintf("mean of %s steps", whole(float64(2*k+1))), Points: Smooth(c.Points)}
			p.Legend = append(p.Legend, Key{class + " raw", c.Name}, Key{class + dash, mean.Name})
			p.Lines = append(p.Lines, line(class+" raw", c.Points, at), line(class+dash, mean.Points, at))
			shown = append(shown, drawn{class, c}, drawn{class, mean})
		} else {
			p.Legend = append(p.Legend, Key{class + dash, c.Name})
			p.Lines = append(p.Lines, line(class+dash, c.Points, at))
			shown = append(shown, drawn{class, c})
		}
		if c.Marked || len(c.Points) == 1 {
			for _, point := range thin(c.Points, columns/8) {
				px, py := at(point)
				p.Marks = append(p.Marks, Mark{class, px, py})
			}
		}
		first, final := c.Points[0], c.Points[len(c.Points)-1]
		summary = append(summary, fmt.Sprintf("%s from %s at step %s to %s at step %s", c.Name,
			fmt.Sprintf(format, first.Y), whole(first.X), fmt.Sprintf(format, final.Y), whole(final.X)))
	}
	p.Summary = title + ": " + strings.Join(summary, "; ")
	p.Hits = hits(shown, format, at)
	return p
}

// line joins points in the box.
func line(class string, points []Point, at func(Point) (float64, float64)) Line {
	var b strings.Builder
	for _, point := range thin(points, columns) {
		x, y := at(point)
		fmt.Fprintf(&b, "%.1f,%.1f ", 10*x, 10*y)
	}
	return Line{class, strings.TrimSuffix(b.String(), " ")}
}

// hits divides the plot into columns around steps that have values; a column says the values of its middle step.
func hits(curves []drawn, format string, at func(Point) (float64, float64)) (all []Hit) {
	seen := map[float64]bool{}
	var steps []float64
	for _, c := range curves {
		for _, p := range c.Points {
			if !seen[p.X] {
				seen[p.X] = true
				steps = append(steps, p.X)
			}
		}
	}
	slices.Sort(steps)
	n := min(columnH, len(steps))
	middles := make([]float64, n)
	for i := range middles {
		middles[i] = steps[(i*len(steps)/n+(i+1)*len(steps)/n)/2]
	}
	for i, step := range middles {
		middle, _ := at(Point{step, 0})
		left, right := 0.0, 100.0
		if i > 0 {
			before, _ := at(Point{middles[i-1], 0})
			left = (before + middle) / 2
		}
		if i < n-1 {
			after, _ := at(Point{middles[i+1], 0})
			right = (middle + after) / 2
		}
		h := Hit{X: left, Width: right - left, At: middle, Text: "step " + whole(step)}
		for _, c := range curves {
			j, found := slices.BinarySearchFunc(c.Points, step, func(p Point, x float64) int { return cmp.Compare(p.X, x) })
			if !found {
				continue
			}
			_, y := at(c.Points[j])
			h.Text += fmt.Sprintf("\n%s "+format, c.Name, c.Points[j].Y)
			h.Marks = append(h.Marks, Mark{c.class, middle, y})
		}
		all = append(all, h)
	}
	return all
}
