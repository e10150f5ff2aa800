package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/devicetest"
)

// transposed returns the lines of a panel of 32 rows of blocks, and the values of the blocks.
func transposed(t *testing.T, w *compute.Matrix) (lines []Word, values [][]float32) {
	t.Helper()
	values = make([][]float32, Panel)
	for c := range Panel {
		row := w.RowBytes(c)
		if lines == nil {
			lines = make([]Word, len(row)/2*Panel/2)
		}
		for h := range len(row) / 2 {
			lines[h*Panel/2+c/2] |= Word(binary.LittleEndian.Uint16(row[2*h:])) << (16 * (c % 2))
		}
		values[c] = make([]float32, w.K)
		w.Row(values[c], c, 0)
	}
	return lines, values
}

// extreme gives some blocks of w scales that are zero, subnormal, of either sign, or the largest there are.
func extreme(w *compute.Matrix) *compute.Matrix {
	b, _ := w.Type.Block()
	for i := 0; i < len(w.Raw)/b.Bytes; i += 3 {
		for _, at := range devicetest.Halves(w.Type) {
			half := []uint16{0, 0x8000, 1, 0x8001, 0x03ff, 0x83ff, 0x7bff, 0xfbff, 0x0400}[i/3%9]
			binary.LittleEndian.PutUint16(w.Raw[i*b.Bytes+at:], half)
		}
	}
	return w
}

// TestBlocksHaveTheirValues compares every element of every type, at any beginning, with package block, to the bit.
func TestBlocksHaveTheirValues(t *testing.T) {
	for _, l := range Levels() {
		for _, typ := range compute.BlockTypes() {
			of, _ := typ.Block()
			w := extreme(devicetest.Drawn(5, Panel, 5*of.Elements, typ))
			lines, values := transposed(t, w)
			runs := of.Elements / Run
			for first := range runs {
				for _, count := range []int{1, runs, 5*runs - first} {
					what := fmt.Sprintf("%s %v: %d runs from %d", l.Name, typ, count, first)
					count = min(count, 5*runs-first)
					got, check := guarded(t, make([]float32, count*Run*Panel))
					l.Blocks[typ].Dequantize(&Blocks{
						Dst: got, Src: lines, First: first, Count: count, Scales: make([]float32, BlockScales),
					})
					for i, v := range got {
						want := values[i%Panel][first*Run+i/Panel]
						if math.Float32bits(want) != math.Float32bits(v) {
							require.Failf(t, "differs", "%s: element %d of row %d: want %g, got %g", what, i/Panel, i%Panel, want, v)
						}
					}
					check(what)
				}
			}
		}
	}
}

func TestRowsOfBlocksEqualTwins(t *testing.T) {
	assembly(t, func(t *testing.T, fast, slow Level) {
		for _, typ := range compute.BlockTypes() {
			of, _ := typ.Block()
			lines, _ := transposed(t, devicetest.Drawn(5, Panel, 3*of.Elements, typ))
			for first := range of.Elements / Run {
				count := 3*of.Elements/Run - first
				what := fmt.Sprintf("%v from run %d", typ, first)
				b := Blocks{X: random(count*Run + 1)[1:], Src: lines, First: first, Count: count}
				b.Scales = make([]float32, BlockScales)
				b.Dst = random(Panel)
				got, check := guarded(t, b.Dst)
				slow.Blocks[typ].Row(&b)
				want := b.Dst
				b.Dst = got
				fast.Blocks[typ].Row(&b)
				requireNear(t, want, got, 1e-6, 2000, what)
				check(what)
			}
		}
	})
}

func TestSplitHalvesEqualsTwin(t *testing.T) {
	assembly(t, func(t *testing.T, fast, slow Level) {
		for cols := 1; cols < 20; cols++ {
			p := Pack{Src: codes(cols*Panel + 1)[1:], Cols: cols, Dst: make([]Word, cols*Panel)}
			slow.SplitHalves(&p)
			want := p.Dst
			got, check := guarded(t, make([]Word, cols*Panel))
			p.Dst = got
			fast.SplitHalves(&p)
			require.Equal(t, want, got)
			check("splitHalves")
		}
	})
}
