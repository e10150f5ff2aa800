package cpu

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
	"fettle/internal/compute/devicetest"
)

// kinds lists the types of frozen matrices.
func kinds() []compute.DType {
	plain := []compute.DType{compute.F32, compute.BF16, compute.F16, compute.Int8, compute.NF4}
	return append(plain, compute.BlockTypes()...)
}

// TestOneRowHasTheBitsOfMany decodes as it reads a prompt, alone and beside another product.
func TestOneRowHasTheBitsOfMany(t *testing.T) {
	for _, l := range kernel.Levels() {
		for _, mode := range []string{"f32", "bf16", "int8"} {
			for _, kind := range kinds() {
				for i, shape := range [][2]int{{1, 1}, {33, 5}, {70, 66}, {32, 130}, {40, 1101}, {70, 1120}} {
					dev, err := New(Options{Compute: mode, Level: l.Name, Threads: 2, Stored: true})
					require.NoError(t, err)
					w := devicetest.Drawn(3, shape[0], shape[1], kind)
					n, k := w.N, w.K
					if i != 2 {
						require.NoError(t, dev.Prepare(w))
					}
					const rows = 7
					x, many, one := devicetest.Normal(4, rows*k), make([]float32, rows*n), make([]float32, rows*n)
					two := make([]float32, rows*n)
					dev.MatMul(many, x, w, rows)
					for i := range rows {
						dev.MatMul(one[i*n:][:n], x[i*k:], w, 1)
					}
					require.Equal(t, many, one, "%s %s %v %v", l.Name, mode, kind, shape)
					dev.MatMuls(x, 1, compute.Product{Y: one, W: w}, compute.Product{Y: two, W: w})
					require.Equal(t, many[:n], two[:n], "%s %s %v %v", l.Name, mode, kind, shape)
					dev.MatMuls(x, rows, compute.Product{Y: one, W: w}, compute.Product{Y: two, W: w})
					require.Equal(t, many, two, "%s %s %v %v", l.Name, mode, kind, shape)
				}
			}
		}
	}
}
