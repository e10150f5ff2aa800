package train

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"runtime"
	"strings"
)

// ReportFile is a run's page for people.
const ReportFile = "report.html"

//go:embed report.html
var reportText string

// chart is a line drawn from points, in a box of 640 × 200.
type chart struct {
	Title    string
	Lines    []line
	Low, Top string // the ends of the vertical axis
	Last     string // the end of the horizontal axis
}

type line struct {
	Class, Points string
}

// xy is a point before it is drawn.
type xy struct{ x, y float64 }

// newChart scales lines into the box.
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
	c := chart{Title: title, Low: fmt.Sprintf(format, low), Top: fmt.Sprintf(format, top), Last: fmt.Sprint("step ", int(last))}
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

// report draws the run as one HTML page that needs nothing else.
func (r *run) report(h history) ([]byte, error) {
	loss, eval, rate, norms := []xy{}, []xy{}, []xy{}, []xy{}
	for _, s := range h.Steps {
		x := float64(s.Step)
		loss, rate, norms = append(loss, xy{x, s.Loss}), append(rate, xy{x, s.LearningRate}), append(norms, xy{x, s.GradNorm})
	}
	for _, e := range h.Evals {
		eval = append(eval, xy{float64(e.Step), e.EvalLoss})
	}
	learned := 0
	for _, e := range r.job.Training {
		learned += e.Learned()
	}
	page := struct {
		Title    string
		Charts   []chart
		Gates    [][]float32
		Samples  []answers
		FirstOne int // layer of the first row of gates
		Facts    [][2]string
		Settings string
	}{
		Title: r.config.OutputDir,
		Charts: []chart{
			newChart("Loss", "%.3f", map[string][]xy{"loss": loss, "eval": eval}, "loss", "eval"),
			newChart("Learning rate", "%.1e", map[string][]xy{"rate": rate}, "rate"),
			newChart("Gradient norm", "%.3f", map[string][]xy{"norm": norms}, "norm"),
		},
		Gates: r.job.Adapter.Gates(), Samples: byPrompt(h.Samples),
		Facts: [][2]string{
			{"method", r.config.Type}, {"trainable numbers", fmt.Sprint(r.job.Adapter.Size())},
			{"base", r.job.Record.Base}, {"recipe", r.config.Recipe}, {"compute", r.job.Record.Compute},
			{"examples", fmt.Sprintf("%d, %d learned tokens in an epoch", len(r.job.Training), learned)}, {"held out", fmt.Sprint(len(r.job.Evaluation))},
			{"steps", fmt.Sprint(r.state.Step)}, {"loss of the last step", fmt.Sprintf("%.4f", r.loss)},
			{"time", fmt.Sprintf("%.0f s", r.elapsed())}, {"machine", fmt.Sprintf("%s/%s, %d threads", runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0))},
		},
		Settings: string(r.job.Settings),
	}
	if len(r.job.Evaluation) > 0 {
		page.Facts = append(page.Facts, [2]string{"held-out loss", fmt.Sprintf("%.4f before, %.4f after", r.state.EvalBefore, r.state.EvalLast)})
	}
	if w := r.state.Watch; w.BestStep > 0 {
		page.Facts = append(page.Facts, [2]string{"best checkpoint", fmt.Sprintf("%s, held-out loss %.4f", w.best(), w.BestLoss)})
	}
	if len(page.Gates) > 0 {
		page.FirstOne = r.job.Model.Config().Layers - len(page.Gates)
	}
	t, err := template.New("report").Funcs(template.FuncMap{
		"add":   func(a, b int) int { return a + b },
		"shade": func(g float32) string { return fmt.Sprintf("%.2f", min(1, math.Abs(float64(g)))) },
		"sign":  func(g float32) string { return map[bool]string{true: "minus", false: "plus"}[g < 0] },
	}).Parse(reportText)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, page)
	return out.Bytes(), err
}

// answers are what a prompt was answered over the run.
type answers struct {
	Prompt  string
	Answers []SampleRow
}

// byPrompt sorts samples by prompt, in the order the prompts came.
func byPrompt(rows []SampleRow) []answers {
	var all []answers
	at := map[string]int{}
	for _, r := range rows {
		i, ok := at[r.Prompt]
		if !ok {
			i = len(all)
			at[r.Prompt], all = i, append(all, answers{Prompt: r.Prompt})
		}
		all[i].Answers = append(all[i].Answers, r)
	}
	return all
}

// sparkline draws a loss curve in one line of text.
func sparkline(steps []StepRow) string {
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
