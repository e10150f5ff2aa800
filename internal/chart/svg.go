package chart

import (
	_ "embed"
	"html/template"
	"strings"
)

//go:embed plot.svg
var plotText string

//go:embed bars.svg
var barsText string

//go:embed chart.js
var script string

// Script returns the script that shows the values under the pointer and, with the arrow keys, of the chart in focus.
// Without it browsers show them as titles.
func Script() string { return script }

// SVG draws the plot for a page with the classes of package look.
func (p Plot) SVG() (template.HTML, error) { return draw(plotText, p) }

// SVG draws the histogram for a page with the classes of package look.
func (b Bars) SVG() (template.HTML, error) { return draw(barsText, b) }

func draw(text string, chart any) (template.HTML, error) {
	t, err := template.New("chart").Parse(text)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = t.Execute(&out, chart)
	return template.HTML(out.String()), err
}
