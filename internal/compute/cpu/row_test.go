package cpu

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/devicetest"
)

func TestRowKernelsEqualTwins(t *testing.T) {
	assembly(t, func(t *testing.T, fast, slow level) {
		for _, k := range []struct {
			name string
			per  int
			size float64 // of the largest sums
			of   func(l *level) rowKernel
		}{
			{"bf16", 2, 20, func(l *level) rowKernel { return l.rowBF16 }},
			{"f16", 2, 20, func(l *level) rowKernel { return l.rowF16 }},
			{"int8", 4, 2000, func(l *level) rowKernel { return l.rowInt8 }},
			{"nf4", 8, 20, func(l *level) rowKernel { return l.rowNF4 }},
		} {
			if k.of(&fast) == nil {
				continue
			}
			for words := range 40 {
				what := fmt.Sprintf("%s words=%d", k.name, words)
				x, w, scale := random(words*k.per + 1)[1:], pairs(words*panel + 1)[1:], random(panel + 1)[1:]
				want := random(panel)
				got, check := guarded(t, want)
				k.of(&slow)(want, x, w, scale)
				k.of(&fast)(got, x, w, scale)
				requireNear(t, want, got, 1e-6, k.size, what)
				check(what)
			}
		}
	})
}

// TestOneRowHasTheBitsOfMany decodes as it reads a prompt.
func TestOneRowHasTheBitsOfMany(t *testing.T) {
	for _, l := range levels() {
		for _, mode := range []string{"f32", "bf16", "int8"} {
			for _, kind := range []compute.DType{compute.F32, compute.BF16, compute.F16, compute.Int8, compute.NF4} {
				for _, shape := range [][2]int{{1, 1}, {33, 5}, {70, 66}, {32, 130}, {40, 1101}} {
					dev, err := New(Options{Compute: mode, Level: l.name, Threads: 2})
					require.NoError(t, err)
					AsStored(dev)
					n, k := shape[0], shape[1]
					w := devicetest.Matrix(n, k, kind, devicetest.Normal(3, n*k))
					require.NoError(t, dev.Prepare(w))
					x, many, one := devicetest.Normal(4, 3*k), make([]float32, 3*n), make([]float32, 3*n)
					dev.MatMul(many, x, w, 3)
					for i := range 3 {
						dev.MatMul(one[i*n:][:n], x[i*k:], w, 1)
					}
					require.Equal(t, many, one, "%s %s %v %v", l.name, mode, kind, shape)
				}
			}
		}
	}
}
