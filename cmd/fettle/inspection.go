package main

import (
	_ "embed"
	"html/template"
	"io"

	"fettle/data"
	"fettle/train"
)

//go:embed inspection.html
var inspectionPage string

// inspection renders inspect's page.
func inspection(out io.Writer, v viewer, shown []data.Example, c train.Config, s *data.Set) error {
	page, err := template.New("inspection").Parse(inspectionPage)
	if err != nil {
		return err
	}
	type sample struct {
		Source          string
		Tokens, Learned int
		Spans           []span
	}
	type bar struct {
		class
		X, Y, Height, Middle float64
	}
	var samples []sample
	for _, e := range shown {
		samples = append(samples, sample{e.Source, len(e.Tokens), e.Learned(), v.spans(e)})
	}
	classes, top := histogram(lengthsOf(s)), 1
	for _, c := range classes {
		top = max(top, c.Count)
	}
	var bars []bar
	for i, c := range classes {
		height := 150 * float64(c.Count) / float64(top)
		bars = append(bars, bar{c, float64(10 + i*58), 170 - height, height, float64(10+i*58) + 25})
	}
	return page.Execute(out, map[string]any{
		"Config": c, "Set": s, "Samples": samples, "Bars": bars, "Table": s.OverLongTable(), "Report": s.Report.String(),
		"Share": 100 * float64(s.Learned) / float64(max(s.Tokens, 1)),
	})
}
