package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"

	"fettle/internal/chart"
	"fettle/internal/human"
	"fettle/internal/look"
)

// PageFile is a run's report as a web page.
const PageFile = "report.html"

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

// Page is the content of a run's report.
type Page struct {
	Title      string
	Status     Status
	Facts      [][2]string
	History    History
	HeldOut    bool        // there is evaluation data
	Exam       *Exam       // may be nil
	Gates      [][]float32 // LLaMA-Adapter's gates after their activation, by layer and head
	FirstLayer int         // of Gates
	Settings   string      // config.yaml
}

// Phase is the part of its life that a run is in.
type Phase string

// The phases of a run.
const (
	Preparing Phase = "preparing"
	Running   Phase = "running"
	Finished  Phase = "finished"
	Stopped   Phase = "stopped"
	Failed    Phase = "failed"
)

// Status tells how far a run is.
type Status struct {
	Phase         Phase
	Step, Steps   int
	Epoch, Epochs float64
	Elapsed, Left time.Duration
	Note          string // why the run ended, if it did not finish
	Written       int64  // Unix time in seconds
	Resume        bool   // the same command continues it
}

// Exam is an examination of the model before and after the run.
type Exam struct {
	Rule          string // by which an answer is right
	Before, After Score
	Questions     []Question
}

// Score counts right answers. Of is 0 before the examination.
type Score struct{ Right, Of int }

// Percent returns the percentage of right answers.
func (s Score) Percent() string {
	return fmt.Sprintf("%.0f\u00a0%%", 100*float64(s.Right)/float64(max(s.Of, 1)))
}

// Question is a question of an examination and the answers to it.
type Question struct{ Question, Want, Before, After string }

// HTML renders the page, which refers to no other file. The page of a run that goes on reloads itself.
func (p Page) HTML() ([]byte, error) { return p.render("page", Control{}) }

// Control lets a page follow and control a run on a server. Its scripts find the rest in the page.
type Control struct {
	Token  string // to send with requests that change something
	Script string
}

// Controlled renders the page for a server that follows the run.
func (p Page) Controlled(c Control) ([]byte, error) { return p.render("page", c) }

// Parts renders the parts of the page that change during the run.
func (p Page) Parts() ([]byte, error) { return p.render("parts", Control{}) }

// Policy returns the content security policy of a page: its own style and script, nothing else. A controlled one may
// send requests to its server.
func (c Control) Policy() string {
	policy := "default-src 'none'; style-src " + look.Hash(style()) + "; script-src " + look.Hash(c.script()) +
		"; img-src data:; base-uri 'none'; form-action 'none'"
	if c.Token != "" {
		policy += "; connect-src 'self'"
	}
	return policy
}

func style() string { return look.CSS() + pageStyle }

func (c Control) script() string {
	if c.Token == "" {
		return chart.Script() + pageScript
	}
	return chart.Script() + c.Script
}

// table pairs the names of runs with rows, for a template.
func table(names []string, rows []Row) any {
	return struct {
		Names []string
		Rows  []Row
	}{names, rows}
}

// frame is what a page has beside its content.
type frame struct {
	Style   template.CSS
	Script  template.JS
	Policy  string
	Control Control
}

// render carries out a template of a text for a page.
func (p Page) render(name string, c Control) ([]byte, error) {
	return render(pageText, name, struct {
		Page
		frame
	}{p, c.frame()})
}

func (c Control) frame() frame {
	return frame{template.CSS(style()), template.JS(c.script()), c.Policy(), c}
}

func render(text, name string, content any) ([]byte, error) {
	t, err := template.New("report").Funcs(template.FuncMap{
		"add":   func(a, b int) int { return a + b },
		"shade": func(g float32) string { return fmt.Sprintf("g%.0f", 5*min(1, math.Abs(float64(g)))) },
		"sign":  func(g float32) string { return map[bool]string{true: "minus", false: "plus"}[g < 0] },
		"count": human.Count, "icon": look.Icon, "table": table,
	}).Parse(text)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.ExecuteTemplate(&out, name, content)
	return out.Bytes(), err
}

// Now lists the numbers at the top of the page.
func (p Page) Now() (all [][2]string) {
	add := func(value, label string) { all = append(all, [2]string{value, label}) }
	h, w := p.History, p.Status
	if p.Exam != nil && p.Exam.Before.Of > 0 {
		after := "…"
		if p.Exam.After.Of > 0 {
			after = p.Exam.After.Percent()
		}
		add(p.Exam.Before.Percent()+" → "+after, "right answers, before and after")
	}
	if n := len(h.Evals); n == 1 {
		add(fmt.Sprintf("%.4f", h.Evals[0].EvalLoss), fmt.Sprintf("held-out loss, step %s", human.Count(h.Evals[0].Step)))
	} else if n > 1 {
		add(fmt.Sprintf("%.4f → %.4f", h.Evals[0].EvalLoss, h.Evals[n-1].EvalLoss), "held-out loss, before and now")
	}
	if means := chart.Smooth(p.curve(func(s StepRow) float64 { return s.Loss })); len(means) > 0 {
		label := "training loss of the last step"
		if k := chart.Around(len(means)); k > 0 {
			label = fmt.Sprintf("training loss, mean of %s steps", human.Count(k+1))
		}
		add(fmt.Sprintf("%.4f", means[len(means)-1].Y), label)
	}
	if n := len(h.Steps); n > 0 && w.Phase == Running {
		add(fmt.Sprintf("%.2e", h.Steps[n-1].LearningRate), "learning rate")
	}
	if means := chart.Smooth(p.curve(func(s StepRow) float64 { return s.TokensPerSecond })); len(means) > 0 {
		add(human.Count(int(means[len(means)-1].Y)), "tokens a second")
	}
	if w.Steps > 0 {
		add(fmt.Sprintf("%.2f of %s", w.Epoch, strings.TrimSuffix(fmt.Sprintf("%.2f", w.Epochs), ".00")), "epochs")
		add(human.Duration(w.Elapsed), "training time")
	}
	if w.Phase == Running && w.Step > 0 {
		add(human.Duration(w.Left), "left, about")
	}
	return all
}

func (p Page) curve(value func(StepRow) float64) []chart.Point {
	points := make([]chart.Point, len(p.History.Steps))
	for i, s := range p.History.Steps {
		points[i] = chart.Point{X: float64(s.Step), Y: value(s)}
	}
	return chart.Finite(points)
}

// Loss draws the losses.
func (p Page) Loss() chart.Plot {
	var eval []chart.Point
	for _, e := range p.History.Evals {
		eval = append(eval, chart.Point{X: float64(e.Step), Y: e.EvalLoss})
	}
	return chart.NewPlot("Loss", "%.4f", p.Status.Step,
		chart.Curve{Name: "loss of a step", Points: p.curve(func(s StepRow) float64 { return s.Loss }), Smoothed: true},
		chart.Curve{Name: "held-out loss", Points: eval, Marked: true})
}

// Others draws the other curves.
func (p Page) Others() []chart.Plot {
	rates := p.curve(func(s StepRow) float64 { return s.LearningRate })
	norms := p.curve(func(s StepRow) float64 { return s.GradNorm })
	speeds := p.curve(func(s StepRow) float64 { return s.TokensPerSecond })
	last := p.Status.Step
	return []chart.Plot{
		chart.NewPlot("Learning rate", "%.3e", last, chart.Curve{Name: "learning rate", Points: rates}),
		chart.NewPlot("Gradient norm", "%.4f", last, chart.Curve{Name: "norm of a step", Points: norms, Smoothed: true}),
		chart.NewPlot("Tokens a second", "%.0f", last, chart.Curve{Name: "in a step", Points: speeds, Smoothed: true}),
	}
}

// answers are a prompt's answers over the run.
type answers struct {
	Prompt      string
	First, Last SampleRow
	Answers     []SampleRow
}

// Samples groups the answers by prompt, in the order in which the prompts first came.
func (p Page) Samples() []answers {
	var all []answers
	at := map[string]int{}
	for _, r := range p.History.Samples {
		i, ok := at[r.Prompt]
		if !ok {
			i = len(all)
			at[r.Prompt], all = i, append(all, answers{Prompt: r.Prompt, First: r})
		}
		all[i].Answers, all[i].Last = append(all[i].Answers, r), r
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
