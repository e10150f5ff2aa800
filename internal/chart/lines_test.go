package chart

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSparklineFallsWithTheValues(t *testing.T) {
	require.Equal(t, "█▅▁", Sparkline([]float64{3, 2, 1}))
	require.Empty(t, Sparkline(nil))
}

func TestLinesFillTheBox(t *testing.T) {
	c := NewLines("Loss", "%.1f", map[string][]Point{"loss": {{0, 3}, {10, 1}}}, "loss", "eval")
	require.Equal(t, Lines{
		Title: "Loss", Low: "1.0", Top: "3.0", Last: "step 10", Lines: []Line{{"loss", "0.0,0.0 640.0,200.0 "}},
	}, c)
}
