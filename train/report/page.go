package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"math"

	"fettle/internal/chart"
)

// PageFile is a run's report as a web page.
const PageFile = "report.html"

//go:embed page.html
var pageText string

// Page is the content of a run's report.
type Page struct {
	Title      string
	Facts      [][2]string
	History    History
	Gates      [][]float32 // LLaMA-Adapter's gates after their activation, by layer and head
	FirstLayer int         // of Gates
	Settings   string      // config.yaml
}

// HTML renders the page. It refers to no other file.
func (p Page) HTML() ([]byte, error) {
	t, err := template.New("report").Funcs(template.FuncMap{
		"add":   func(a, b int) int { return a + b },
		"shade": func(g float32) string { return fmt.Sprintf("%.2f", min(1, math.Abs(float64(g)))) },
		"sign":  func(g float32) string { return map[bool]string{true: "minus", false: "plus"}[g < 0] },
	}).Parse(pageText)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, p)
	return out.Bytes(), err
}

// Charts returns the curves of loss, learning rate and gradient norm.
func (p Page) Charts() []chart.Lines {
	var loss, eval, rate, norms []chart.Point
	for _, s := range p.History.Steps {
		x := float64(s.Step)
		loss, rate = append(loss, chart.Point{X: x, Y: s.Loss}), append(rate, chart.Point{X: x, Y: s.LearningRate})
		norms = append(norms, chart.Point{X: x, Y: s.GradNorm})
	}
	for _, e := range p.History.Evals {
		eval = append(eval, chart.Point{X: float64(e.Step), Y: e.EvalLoss})
	}
	return []chart.Lines{
		chart.NewLines("Loss", "%.3f", map[string][]chart.Point{"loss": loss, "eval": eval}, "loss", "eval"),
		chart.NewLines("Learning rate", "%.1e", map[string][]chart.Point{"rate": rate}, "rate"),
		chart.NewLines("Gradient norm", "%.3f", map[string][]chart.Point{"norm": norms}, "norm"),
	}
}

// answers are a prompt's answers over the run.
type answers struct {
	Prompt  string
	Answers []SampleRow
}

// Samples groups the answers by prompt, in the order in which the prompts first came.
func (p Page) Samples() []answers {
	var all []answers
	at := map[string]int{}
	for _, r := range p.History.Samples {
		i, ok := at[r.Prompt]
		if !ok {
			i = len(all)
			at[r.Prompt], all = i, append(all, answers{Prompt: r.Prompt})
		}
		all[i].Answers = append(all[i].Answers, r)
	}
	return all
}

// Sparkline draws the loss of the steps as a line of text, or "" without steps.
func Sparkline(steps []StepRow) string {
	if len(steps) == 0 {
		return ""
	}
	losses := make([]float64, len(steps))
	for i, s := range steps {
		losses[i] = s.Loss
	}
	return fmt.Sprintf("loss %s %.3f … %.3f", chart.Sparkline(losses), losses[0], losses[len(losses)-1])
}
