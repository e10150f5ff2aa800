package kernel

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestElementsEqualTwins(t *testing.T) {
	type op func(l *Level, x [][]float32) float64
	ops := map[string]struct {
		slices int
		run    op
	}{
		"sum":         {3, func(l *Level, x [][]float32) float64 { l.Sum(x[0], x[1], x[2]); return 0 }},
		"add":         {2, func(l *Level, x [][]float32) float64 { l.Add(x[0], x[1]); return 0 }},
		"multiply":    {2, func(l *Level, x [][]float32) float64 { l.Multiply(x[0], x[1]); return 0 }},
		"scale":       {1, func(l *Level, x [][]float32) float64 { l.Scale(x[0], 0.3); return 0 }},
		"norm":        {3, func(l *Level, x [][]float32) float64 { l.Norm(x[0], x[1], x[2], 0.7); return 0 }},
		"normBack":    {4, func(l *Level, x [][]float32) float64 { l.NormBack(x[0], x[1], x[2], x[3], 0.7, 0.2); return 0 }},
		"softmaxBack": {2, func(l *Level, x [][]float32) float64 { l.SoftmaxBack(x[0], x[1], 0.7, 0.2); return 0 }},
		"rotate":      {4, func(l *Level, x [][]float32) float64 { l.Rotate(x[0], x[1], x[2], x[3], -1); return 0 }},
		"swiglu":      {3, func(l *Level, x [][]float32) float64 { l.SwiGLU(x[0], x[1], x[2]); return 0 }},
		"swigluBack":  {5, func(l *Level, x [][]float32) float64 { l.SwiGLUBack(x[0], x[1], x[2], x[3], x[4]); return 0 }},
		"top":         {1, func(l *Level, x [][]float32) float64 { return float64(l.Top(x[0])) }},
		"magnitude":   {1, func(l *Level, x [][]float32) float64 { return float64(l.Magnitude(x[0])) }},
		"finite":      {1, func(l *Level, x [][]float32) float64 { return float64(l.Finite(x[0])) }},
		"expSum":      {1, func(l *Level, x [][]float32) float64 { return l.ExpSum(x[0], 1.5) }},
		"dot":         {2, func(l *Level, x [][]float32) float64 { return l.Dot(x[0], x[1]) }},
		"dot3":        {3, func(l *Level, x [][]float32) float64 { return l.Dot3(x[0], x[1], x[2]) }},
	}
	assembly(t, func(t *testing.T, fast, slow Level) {
		for name, o := range ops {
			for n := range 1001 {
				var want, got [][]float32
				var checks []func(string)
				for range o.slices {
					x := random(n + 5)[5:]
					inner, check := guarded(t, x)
					want, got, checks = append(want, x), append(got, inner), append(checks, check)
				}
				what := fmt.Sprintf("%s n=%d", name, n)
				a, b := o.run(&slow, want), o.run(&fast, got)
				requireNear(t, []float32{float32(a)}, []float32{float32(b)}, 2e-6, math.Sqrt(float64(n)), what)
				for i := range want {
					requireNear(t, want[i], got[i], 1e-6, 1, what)
					checks[i](what)
				}
			}
		}
	})
}

// small returns 1000·x as int32.
func small(x []float32) []int32 {
	y := make([]int32, len(x))
	for i, v := range x {
		y[i] = int32(v * 1000)
	}
	return y
}

// TestExpIsWithinTwoUlp tries one in a thousand of all float32 between −104 and 0 and some beyond, against float64.
// Results below the normal numbers may be zero instead.
func TestExpIsWithinTwoUlp(t *testing.T) {
	for _, l := range Levels() {
		for bits := uint32(0); bits < math.Float32bits(104); bits += 997 * 16 {
			var x, want [16]float32
			for i := range x {
				x[i] = -math.Float32frombits(bits + uint32(i)*997)
				want[i] = float32(math.Exp(float64(x[i])))
			}
			l.ExpSum(x[:], 0)
			for i := range x {
				if want[i] < 0x1p-126 && x[i] == 0 {
					continue
				}
				a, b := int64(math.Float32bits(x[i])), int64(math.Float32bits(want[i]))
				if max(a-b, b-a) > 2 { // a million times: require.LessOrEqual would take most of the time
					require.Failf(t, "exp", "%s: want %g, got %g", l.Name, want[i], x[i])
				}
			}
		}
	}
	for _, l := range Levels() {
		x := []float32{float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 88, 100, -200, 0}
		sum := l.ExpSum(x, 0)
		require.True(t, sum != sum, "%s: the sum is NaN", l.Name)
		require.True(t, math.IsInf(float64(x[0]), 1) && math.IsInf(float64(x[4]), 1), "%s: %v", l.Name, x)
		require.True(t, x[1] == 0 && x[2] != x[2] && x[5] == 0 && x[6] == 1, "%s: %v", l.Name, x)
	}
}

func TestSpecialElements(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, l := range Levels() {
		for _, n := range []int{1, 15, 16, 17, 40} {
			for at := range n {
				x := random(n)
				for _, bad := range []float32{nan, inf, -inf} {
					x[at] = bad
					require.NotZero(t, l.Finite(x), "%s: %v at %d of %d", l.Name, bad, at, n)
				}
				x[at] = 3e38
				require.Zero(t, l.Finite(x), l.Name)
			}
		}
		y, g := make([]float32, 5), []float32{nan, inf, -inf, 1e30, -1e30}
		l.SwiGLU(y, g, []float32{1, 1, 1, 1, 1})
		require.True(t, y[0] != y[0] && y[1] == inf && y[2] != y[2] && y[3] == 1e30 && y[4] == 0, "%s: %v", l.Name, y)
	}
}
