package cpu_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/cpu"
	"fettle/internal/compute/devicetest"
	"fettle/internal/compute/ref"
)

// TestLogitsMayBeFarApart puts logits into different vocabBlocks of the vocabulary
// whose exponentials, or those of their differences, are beyond float32.
func TestLogitsMayBeFarApart(t *testing.T) {
	const v = 5000
	inf := math.Inf(1)
	for why, at := range map[string][3]float64{ // the logits of each third
		"ascending":          {-1000, 0, 1000},
		"descending":         {1000, 0, -1000},
		"beyond differences": {-3e38, 3e38, 0},
		"minus infinity":     {-inf, 0, 1},
	} {
		logits := make([]float32, v)
		for i := range logits {
			logits[i] = float32(at[i*3/v])
		}
		target := []int32{v / 2, v - 1, v - 1}
		run := func(dev compute.Device) ([]float64, []float32) {
			w := devicetest.Matrix(v, 1, compute.F32, logits)
			require.NoError(t, dev.Prepare(w))
			loss, dx := make([]float64, 3), make([]float32, 3)
			dev.CrossEntropy(loss, dx, []float32{1, 1, 0.5}, w, target, []float32{1, 2, 3}, 3)
			return loss, dx
		}
		want, dxWant := run(ref.New())
		for _, level := range cpu.Levels() {
			got, dx := run(newDevice(t, cpu.Options{Compute: "f32", Level: level}))
			for i := range want {
				require.InEpsilon(t, 1+want[i], 1+got[i], 1e-6, "%s %s: loss %d", level, why, i)
				if math.Abs(at[0]) <= 1000 { // beyond, the gradient is a difference of large numbers
					require.InEpsilon(t, 1e3+float64(dxWant[i]), 1e3+float64(dx[i]), 1e-5, "%s %s: gradient %d", level, why, i)
				}
			}
		}
	}
}

// TestLossOfNaNIsNaN: a bad logit in one block spoils the row, its gradient too.
func TestLossOfNaNIsNaN(t *testing.T) {
	const v = 5000
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
		for _, level := range cpu.Levels() {
			logits := make([]float32, 2*v)
			for i := range v {
				logits[2*i] = 1
			}
			logits[2*3000+1] = bad
			dev := newDevice(t, cpu.Options{Compute: "f32", Level: level})
			w := devicetest.Matrix(v, 2, compute.F32, logits)
			require.NoError(t, dev.Prepare(w))
			loss, dx := make([]float64, 2), make([]float32, 4)
			dev.CrossEntropy(loss, dx, []float32{0, 1, 1, 0}, w, []int32{1, 2}, []float32{1, 1}, 2)
			require.True(t, loss[0] != loss[0] && dx[0] != dx[0], "%s %v: %v %v", level, bad, loss, dx)
		}
	}
}
