package chart

import (
	"encoding/xml"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTicksAreRound(t *testing.T) {
	for _, c := range []struct {
		why       string
		low, high float64
		n         int
		labels    string
	}{
		{"a loss", 0.0369, 2.4748, 5, "0 0.5 1.0 1.5 2.0 2.5"},
		{"a loss that hardly falls", 2.9133, 2.9168, 5, "2.913 2.914 2.915 2.916 2.917"},
		{"a learning rate", 0, 3e-4, 5, "0 1e-4 2e-4 3e-4"},
		{"a tiny learning rate", 0, 2e-5, 5, "0 5e-6 1.0e-5 1.5e-5 2.0e-5"},
		{"counts", 0, 8123, 4, "0 5,000 10,000"},
		{"millions", 0, 3e7, 4, "0 1e7 2e7 3e7"},
		{"one value", 2, 2, 4, "1.8 1.9 2.0 2.1 2.2"},
		{"nothing but zeros", 0, 0, 4, "-1.0e-9 -0.5e-9 0 0.5e-9 1.0e-9"},
		{"below zero", -3, 4, 4, "-4 -2 0 2 4"},
	} {
		a := newAxis(c.low, c.high, c.n)
		var labels []string
		for _, v := range a.values() {
			labels = append(labels, a.label(v))
		}
		if c.why == "nothing but zeros" {
			require.Equal(t, "0", labels[len(labels)/2])
			continue
		}
		require.Equal(t, c.labels, strings.Join(labels, " "), c.why)
		require.LessOrEqual(t, a.low, c.low+1e-12, c.why)
		require.GreaterOrEqual(t, a.high, c.high-1e-12, c.why)
	}
}

func falling(n int) (points []Point) {
	for i := range n {
		points = append(points, Point{float64(i + 1), 2 / float64(i+1)})
	}
	return points
}

func TestPlotSaysTheValuesOfEachStep(t *testing.T) {
	p := NewPlot("Loss", "%.2f", 10, Curve{Name: "loss", Points: falling(10)},
		Curve{Name: "held out", Points: []Point{{0, 2}, {10, 0.5}}, Marked: true})
	require.Len(t, p.Hits, 11)
	require.Equal(t, "step 0\nheld out 2.00", p.Hits[0].Text)
	require.Equal(t, "step 1\nloss 2.00", p.Hits[1].Text)
	require.Equal(t, "step 10\nloss 0.20\nheld out 0.50", p.Hits[10].Text)
	require.Equal(t, "100.00 s1 90.00 s2 75.00", p.Hits[10].Places())
	require.Equal(t, "Loss: loss from 2.00 at step 1 to 0.20 at step 10; held out from 2.00 at step 0 to 0.50 at step 10",
		p.Summary)
	require.Equal(t, Line{"s1", "100.0,0.0 200.0,500.0 "}.Points, p.Lines[0].Points[:len("100.0,0.0 200.0,500.0 ")])
	require.Len(t, p.Marks, 2)
	wide := 0.0
	for _, h := range p.Hits {
		wide += h.Width
	}
	require.InDelta(t, 100, wide, 1e-9, "the columns fill the plot")
}

func TestALongRunIsDrawnInAsManyPointsAsAShortOne(t *testing.T) {
	points := falling(200_000)
	points[77_777].Y = 9 // a spike is never lost
	p := NewPlot("Loss", "%.4f", len(points), Curve{Name: "loss", Points: points, Smoothed: true})
	require.Len(t, p.Lines, 2, "steps, and their mean")
	require.Equal(t, []Key{{"s1 raw", "loss"}, {"s1", "mean of 10,001 steps"}}, p.Legend)
	require.LessOrEqual(t, strings.Count(p.Lines[0].Points, ","), 4*columns)
	require.LessOrEqual(t, len(p.Hits), columnH)
	require.Contains(t, p.Lines[0].Points, ",100.0 ", "9 of 10")
	svg, err := p.SVG()
	require.NoError(t, err)
	require.Less(t, len(svg), 120_000)
}

func TestMeansHaveNoLag(t *testing.T) {
	line := make([]Point, 400)
	for i := range line {
		line[i] = Point{float64(i), float64(i)}
	}
	for i, p := range Smooth(line)[10:390] {
		require.InDelta(t, float64(i+10), p.Y, 1e-9)
	}
	require.InDelta(t, 5, Smooth(line)[0].Y, 1e-9, "of the first and ten neighbours")
	require.Empty(t, Smooth(nil))
}

func TestChartsAreWellFormed(t *testing.T) {
	for _, c := range []interface{ html() (string, error) }{
		plotOf(NewPlot("<nothing>", "%f", 0, Curve{Name: "a"})),
		plotOf(NewPlot("One", "%f", 1, Curve{Name: "<a>", Points: []Point{{1, 3}}})),
		plotOf(NewPlot("Lost", "%f", 2, Curve{Name: "a", Points: []Point{{0, math.NaN()}, {1, 3}, {2, math.Inf(1)}}})),
		plotOf(NewPlot("All lost", "%f", 1, Curve{Name: "a", Points: []Point{{1, math.NaN()}}})),
		plotOf(NewPlot("Two", "%f", 2, Curve{Name: "a", Points: falling(2)})),
		barsOf(NewBars("<Lengths>", "by", "tokens", []int{1, 5, 500})),
		barsOf(NewBars("One", "by", "tokens", []int{0})),
	} {
		text, err := c.html()
		require.NoError(t, err)
		for _, no := range []string{"NaN", "Inf", "ZgotmplZ", "<nothing>", "<a>"} {
			require.NotContains(t, text, no)
		}
		d := xml.NewDecoder(strings.NewReader(text))
		for err == nil {
			_, err = d.Token()
		}
		require.Equal(t, io.EOF, err)
	}
	require.False(t, math.IsNaN(newAxis(0, 0, 3).part(0)))
}

type plotOf Plot

func (p plotOf) html() (string, error) {
	text, err := Plot(p).SVG()
	return string(text), err
}

type barsOf Bars

func (b barsOf) html() (string, error) {
	text, err := Bars(b).SVG()
	return string(text), err
}
