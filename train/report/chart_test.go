package report

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSparklineFallsWithTheLoss(t *testing.T) {
	require.Contains(t, Sparkline([]StepRow{{Loss: 3}, {Loss: 2}, {Loss: 1}}), "█▅▁")
	require.Empty(t, Sparkline(nil))
}
