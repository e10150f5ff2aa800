package report

import (
	_ "embed"
	"strings"

	"fettle/internal/chart"
	"fettle/internal/human"
)

//go:embed compare.html
var compareText string

// Row is a property of several runs; a value that a run does not have is "".
type Row struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

// Comparison shows several runs side by side.
type Comparison struct {
	Runs     []string  `json:"runs"`
	Names    []string  `json:"-"` // of the runs, shorter
	Results  []Row     `json:"results"`
	Settings []Row     `json:"settings"` // that differ
	Origin   []Row     `json:"origin"`   // what they were made of and where, as far as it differs
	Same     []string  `json:"same"`     // what of their origin is the same
	Equal    int       `json:"equal_settings"`
	Logs     []History `json:"-"`
}

// MostCompared is the number of runs whose curves a page can tell apart.
const MostCompared = chart.Most

// HTML renders the page, which refers to no other file.
func (c Comparison) HTML() ([]byte, error) {
	return render(compareText, "page", struct {
		Comparison
		frame
	}{c, Control{}.frame()})
}

// Title names the runs.
func (c Comparison) Title() string {
	last := len(c.Names) - 1
	return strings.Join(c.Names[:last], ", ") + " and " + c.Names[last]
}

// Agrees says what is the same.
func (c Comparison) Agrees() string {
	all := append([]string{}, c.Same...)
	if c.Equal > 0 {
		all = append(all, human.Plural(c.Equal, "setting"))
	}
	return strings.Join(all, ", ")
}

// curves returns a curve for each run that has points.
func (c Comparison) curves(smooth bool, points func(History) []chart.Point) (all []chart.Curve) {
	for i, h := range c.Logs {
		p := chart.Finite(points(h))
		if smooth {
			p = chart.Smooth(p)
		}
		all = append(all, chart.Curve{Name: c.Names[i], Points: p, Marked: !smooth})
	}
	return all
}

// Smoothed reports whether the curves of steps are means.
func (c Comparison) Smoothed() bool {
	for _, h := range c.Logs {
		if chart.Around(len(h.Steps)) > 0 {
			return true
		}
	}
	return false
}

// HeldOut reports whether a run was evaluated.
func (c Comparison) HeldOut() bool {
	for _, h := range c.Logs {
		if len(h.Evals) > 0 {
			return true
		}
	}
	return false
}

// Evals draws the held-out losses.
func (c Comparison) Evals() chart.Plot {
	return chart.NewPlot("Held-out loss", "%.4f", 0, c.curves(false, func(h History) (points []chart.Point) {
		for _, e := range h.Evals {
			points = append(points, chart.Point{X: float64(e.Step), Y: e.EvalLoss})
		}
		return points
	})...)
}

// Loss draws the losses of the steps.
func (c Comparison) Loss() chart.Plot {
	return c.plot("Training loss", "%.4f", true, func(s StepRow) float64 { return s.Loss })
}

// Others draws the other curves.
func (c Comparison) Others() []chart.Plot {
	return []chart.Plot{
		c.plot("Learning rate", "%.3e", false, func(s StepRow) float64 { return s.LearningRate }),
		c.plot("Gradient norm", "%.4f", true, func(s StepRow) float64 { return s.GradNorm }),
		c.plot("Tokens a second", "%.0f", true, func(s StepRow) float64 { return s.TokensPerSecond }),
	}
}

func (c Comparison) plot(title, format string, smooth bool, value func(StepRow) float64) chart.Plot {
	curves := c.curves(smooth, func(h History) []chart.Point { return Page{History: h}.curve(value) })
	for i := range curves {
		curves[i].Marked = false
	}
	return chart.NewPlot(title, format, 0, curves...)
}
