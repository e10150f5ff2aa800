package kernel

import (
	"fmt"
	"testing"
)

func TestSumsScaledBackEqualTwins(t *testing.T) {
	assembly(t, func(t *testing.T, fast, slow Level) {
		for _, rows := range []int{1, 2, TileRows} {
			for cols := 1; cols <= Panel; cols++ {
				ldy := cols + rows%3*5
				sums, offset, scale := small(random(rows*Panel)), small(random(cols)), random(cols)
				for name, pair := range map[string][2]func(*IntSums){
					"from": {slow.FromInt32, fast.FromInt32}, "add": {slow.AddInt32, fast.AddInt32},
				} {
					want := random((rows-1)*ldy + cols)
					got, check := guarded(t, want)
					for i, y := range [][]float32{want, got} {
						pair[i](&IntSums{
							Y: y, LDY: ldy, Sums: sums, Offset: offset, Scale: scale, Rates: random(rows + 1)[1:],
							Rows: rows, Cols: cols,
						})
					}
					what := fmt.Sprintf("%s %d × %d", name, rows, cols)
					requireNear(t, want, got, 1e-6, 1, what)
					check(what)
				}
			}
		}
	})
}
