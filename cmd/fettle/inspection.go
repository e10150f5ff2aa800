package main

import (
	_ "embed"
	"html/template"
	"io"

	"fettle/data"
	"fettle/data/lint"
	"fettle/train"
)

//go:embed inspection.html
var inspectionPage string

// chart is a histogram as the page draws it.
type chart struct {
	Title, What string
	Bars        []bar
}

type bar struct {
	class
	X, Y, Height, Middle float64
}

// newChart draws the counts of examples by length.
func newChart(title, what string, lengths []int) chart {
	classes, top := histogram(lengths), 1
	for _, c := range classes {
		top = max(top, c.Count)
	}
	out := chart{Title: title, What: what}
	for i, c := range classes {
		height := 150 * float64(c.Count) / float64(top)
		out.Bars = append(out.Bars, bar{c, float64(10 + i*58), 170 - height, height, float64(10+i*58) + 25})
	}
	return out
}

// broken is a rule with what breaks it.
type broken struct {
	Rule     lint.Rule
	Severity lint.Severity
	Count    int
	Findings []lint.Finding
}

// findings groups a report by rule.
func findings(r *lint.Report) (out []broken) {
	for _, rule := range lint.Rules() {
		b := broken{Rule: rule, Severity: r.Severity(rule), Count: r.Counts[rule.Name]}
		for _, f := range r.Findings {
			if f.Rule == rule.Name {
				b.Findings = append(b.Findings, f)
			}
		}
		if b.Count > 0 {
			out = append(out, b)
		}
	}
	return out
}

// inspection renders inspect's page.
func inspection(out io.Writer, v viewer, shown []data.Example, c train.Config, s *data.Set) error {
	page, err := template.New("inspection").Funcs(template.FuncMap{"visible": visible}).Parse(inspectionPage)
	if err != nil {
		return err
	}
	type sample struct {
		Source          string
		Tokens, Learned int
		Spans           []span
	}
	var samples []sample
	for _, e := range shown {
		samples = append(samples, sample{e.Source, len(e.Tokens), e.Learned(), v.spans(e)})
	}
	return page.Execute(out, map[string]any{
		"Config": c, "Set": s, "Samples": samples, "Table": s.OverLongTable(), "Findings": findings(&s.Report), "Fixed": s.Report.Fixed, "Share": learnedShare(s),
		"Charts": []chart{
			newChart("Lengths", "examples by tokens, from the shortest on", lengthsOf(s, allTokens)),
			newChart("Learned", "examples by learned tokens", lengthsOf(s, data.Example.Learned)),
		},
	})
}
