package inspect

import (
	_ "embed"
	"html/template"
	"io"

	"fettle/data"
	"fettle/data/lint"
	"fettle/internal/chart"
	"fettle/internal/human"
	"fettle/internal/look"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

func style() string { return look.CSS() + pageStyle }

// policy returns the content security policy of the page: its own style and script, nothing else.
func policy() string {
	return "default-src 'none'; style-src " + look.Hash(style()) + "; script-src " + look.Hash(chart.Script()) +
		"; img-src data:; base-uri 'none'; form-action 'none'"
}

// broken is a rule with the findings that break it.
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

// HTML writes a page that refers to no other file. v.Out is not used.
func (v View) HTML(out io.Writer, samples []data.Example, recipe string, dataset []string, s *data.Set) error {
	page, err := template.New("inspect").Funcs(template.FuncMap{
		"visible": visible, "count": human.Count, "icon": look.Icon, "policy": policy,
		"style":  func() template.CSS { return template.CSS(style()) },
		"script": func() template.JS { return template.JS(chart.Script()) },
	}).Parse(pageText)
	if err != nil {
		return err
	}
	type sample struct {
		Source          string
		Tokens, Learned int
		Spans           []span
	}
	var shown []sample
	for _, e := range samples {
		shown = append(shown, sample{e.Source, len(e.Tokens), e.Learned(), v.spans(e)})
	}
	return page.Execute(out, map[string]any{
		"Recipe": recipe, "Dataset": dataset, "Set": s, "Samples": shown, "Note": note(recipe, s),
		"Table":    s.OverLongTable() + fieldLines(s),
		"Findings": findings(&s.Report), "Fixed": s.Report.Fixed, "Share": learnedShare(s),
		"Charts": []chart.Bars{
			chart.NewBars("Lengths", "examples by tokens", "tokens", lengthsOf(s, allTokens)),
			chart.NewBars("Learned", "examples by learned tokens", "tokens", lengthsOf(s, data.Example.Learned)),
		},
	})
}
