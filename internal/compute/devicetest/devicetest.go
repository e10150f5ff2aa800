// Package devicetest judges a compute.Device against the plain device ref.
package devicetest

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/ref"
)

// exact is what operations other than products of frozen matrices may differ
// by, relative to the largest element of the result.
const exact = 2e-5

// Case is one call of one operation on fixed, seeded inputs.
type Case struct {
	Name    string
	Product bool // involves a frozen matrix, which a device may compute coarsely
	Run     func(dev compute.Device) [][]float32
}

// Run holds dev to ref on every case, to the independence of rows and to the
// propagation of what is not finite. tolerance is for products of frozen
// matrices, relative to the largest element of the result.
func Run(t *testing.T, dev compute.Device, tolerance float64) {
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			limit := exact
			if c.Product {
				limit = tolerance
			}
			want, got := c.Run(ref.New()), c.Run(dev)
			require.Equal(t, len(want), len(got))
			for i := range want {
				near(t, want[i], got[i], limit)
			}
		})
	}
	t.Run("rows stand alone", func(t *testing.T) { rowsStandAlone(t, dev) })
	t.Run("not finite", func(t *testing.T) { notFinite(t, dev) })
	t.Run("short slices", func(t *testing.T) { shortSlices(t, dev) })
}

// SameBits requires that two devices agree on every case to the last bit.
func SameBits(t *testing.T, a, b compute.Device) {
	for _, c := range Cases() {
		x, y := c.Run(a), c.Run(b)
		for i := range x {
			requireSameBits(t, x[i], y[i], c.Name)
		}
	}
}

// near requires |want−got| ≤ limit·max|want| everywhere.
func near(t *testing.T, want, got []float32, limit float64) {
	t.Helper()
	require.Equal(t, len(want), len(got))
	var top float64
	for _, v := range want {
		top = math.Max(top, math.Abs(float64(v)))
	}
	for i := range want {
		if diff := math.Abs(float64(want[i]) - float64(got[i])); !(diff <= limit*top) {
			require.Failf(t, "differs", "element %d of %d: got %g, want %g ± %g", i, len(want), got[i], want[i], limit*top)
		}
	}
}

func requireSameBits(t *testing.T, want, got []float32, what string) {
	t.Helper()
	require.Equal(t, len(want), len(got), what)
	for i := range want {
		if math.Float32bits(want[i]) != math.Float32bits(got[i]) {
			require.Failf(t, "bits differ", "%s: element %d of %d: got %g, want %g", what, i, len(want), got[i], want[i])
		}
	}
}
