package chart

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSparklineFallsWithTheValues(t *testing.T) {
	require.Equal(t, "█▅▁", Sparkline([]float64{3, 2, 1}))
	require.Empty(t, Sparkline(nil))
}
