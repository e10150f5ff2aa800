// Package chart computes charts: lines and histograms for SVG, a line of text for a terminal.
package chart

import (
	"fmt"
	"math"
	"strings"
)

// Lines is a set of polylines in a box of 640 × 200.
type Lines struct {
	Title    string
	Lines    []Line
	Low, Top string // labels of the ends of the vertical axis
	Last     string // label of the end of the horizontal axis
}

// Line is a polyline, as SVG writes its points.
type Line struct {
	Class, Points string
}

// Point is a point of a line before it is scaled.
type Point struct{ X, Y float64 }

// NewLines scales lines into the box and draws them in order. The horizontal axis counts steps from 0.
func NewLines(title, format string, lines map[string][]Point, order ...string) Lines {
	low, top, last := math.Inf(1), math.Inf(-1), 1.0
	for _, points := range lines {
		for _, p := range points {
			low, top, last = min(low, p.Y), max(top, p.Y), max(last, p.X)
		}
	}
	if !(top > low) {
		low, top = low-0.5, low+0.5
	}
	c := Lines{
		Title: title, Low: fmt.Sprintf(format, low), Top: fmt.Sprintf(format, top),
		Last: fmt.Sprint("step ", int(last)),
	}
	for _, name := range order {
		var b strings.Builder
		for _, p := range lines[name] {
			fmt.Fprintf(&b, "%.1f,%.1f ", 640*p.X/last, 200-200*(p.Y-low)/(top-low))
		}
		if b.Len() > 0 {
			c.Lines = append(c.Lines, Line{name, b.String()})
		}
	}
	return c
}
