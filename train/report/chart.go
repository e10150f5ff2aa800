package report

import (
	"fmt"
	"math"
	"strings"
)

// chart is a set of lines in a box of 640 × 200.
type chart struct {
	Title    string
	Lines    []line
	Low, Top string // labels of the ends of the vertical axis
	Last     string // label of the end of the horizontal axis
}

type line struct {
	Class, Points string
}

type xy struct{ x, y float64 }

// newChart scales lines into the box and draws them in order.
func newChart(title, format string, lines map[string][]xy, order ...string) chart {
	low, top, last := math.Inf(1), math.Inf(-1), 1.0
	for _, points := range lines {
		for _, p := range points {
			low, top, last = min(low, p.y), max(top, p.y), max(last, p.x)
		}
	}
	if !(top > low) {
		low, top = low-0.5, low+0.5
	}
	c := chart{
		Title: title, Low: fmt.Sprintf(format, low), Top: fmt.Sprintf(format, top), Last: fmt.Sprint("step ", int(last)),
	}
	for _, name := range order {
		var b strings.Builder
		for _, p := range lines[name] {
			fmt.Fprintf(&b, "%.1f,%.1f ", 640*p.x/last, 200-200*(p.y-low)/(top-low))
		}
		if b.Len() > 0 {
			c.Lines = append(c.Lines, line{name, b.String()})
		}
	}
	return c
}

// Sparkline draws the loss of the steps as a line of text, 60 characters wide at most.
func Sparkline(steps []StepRow) string {
	const width = 60
	levels := []rune("▁▂▃▄▅▆▇█")
	if len(steps) == 0 {
		return ""
	}
	n := min(width, len(steps))
	means, low, top := make([]float64, n), math.Inf(1), math.Inf(-1)
	for i := range means {
		lo, hi := i*len(steps)/n, (i+1)*len(steps)/n
		for _, s := range steps[lo:hi] {
			means[i] += s.Loss / float64(hi-lo)
		}
		low, top = min(low, means[i]), max(top, means[i])
	}
	out := make([]rune, n)
	for i, v := range means {
		out[i] = levels[int((v-low)/max(top-low, 1e-12)*float64(len(levels)-1)+0.5)]
	}
	return fmt.Sprintf("loss %s %.3f … %.3f", string(out), steps[0].Loss, steps[len(steps)-1].Loss)
}
