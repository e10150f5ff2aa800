// Package devicetest compares a compute.Device with a plain one.
package devicetest

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
)

// exact bounds the differences of operations other than products of frozen matrices, relative to the largest element
// of the result.
const exact = 2e-5

// Kind sorts cases by how far a device may be from its judge.
type Kind uint8

// Kinds of cases.
const (
	Exact   Kind = iota // arithmetic in float32
	Bits                // in a given order: no difference at all
	Product             // of a frozen matrix
	Loss                // a product of a product
)

// Case makes one call of one operation on fixed, seeded inputs.
type Case struct {
	Name string
	Kind Kind
	Run  func(dev compute.Device) [][]float32
}

// Judge holds the plain device to compare with, and the bounds on differences of products and losses, relative to the
// largest element of the result.
type Judge struct {
	compute.Device
	Product, Loss float64
}

// Run compares dev with the judge on every case, and requires that rows are independent and that NaN and infinities
// propagate.
func Run(t *testing.T, dev compute.Device, judge Judge) {
	for _, c := range Cases() {
		limit := [...]float64{Exact: exact, Bits: 0, Product: judge.Product, Loss: judge.Loss}[c.Kind]
		want, got := c.Run(judge), c.Run(dev)
		require.Equal(t, len(want), len(got), c.Name)
		for i := range want {
			near(t, want[i], got[i], limit, c.Name)
		}
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
func near(t *testing.T, want, got []float32, limit float64, what string) {
	t.Helper()
	require.Equal(t, len(want), len(got), what)
	var top float64
	for _, v := range want {
		top = math.Max(top, math.Abs(float64(v)))
	}
	for i := range want {
		if diff := math.Abs(float64(want[i]) - float64(got[i])); !(diff <= limit*top) {
			require.Failf(t, "differs", "%s: element %d of %d: got %g, want %g ± %g",
				what, i, len(want), got[i], want[i], limit*top)
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
