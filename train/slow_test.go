package train

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASlowRankIsNamedOnce(t *testing.T) {
	var s slowness
	var named []int
	for range 20 { // rank 2 has few tokens and takes longer for them than rank 0 for its many
		s.see([]int{100, 80, 30}, []float64{1, 0.9, 1}, func(rank int, speed, others float64) {
			named = append(named, rank)
			require.InDelta(t, 30, speed, 1e-9)
			require.InDelta(t, (100+80/0.9)/2, others, 1e-9)
		})
	}
	require.Equal(t, []int{2}, named)
}
