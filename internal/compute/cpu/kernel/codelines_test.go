package kernel

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/devicetest"
)

// lined returns the rows of coded as lines.
func lined(l *Level, rows, k int) (lines []Word, pitch int) {
	all := *l
	all.CodeRuns, all.RunWords = l.CodeLines, LineWords
	lines, pitch, _ = coded(&all, rows, k)
	return lines, pitch
}

// unpacked returns what a kernel makes of a panel of w, between guards.
func unpacked(t *testing.T, w *compute.Matrix, unpack func(*CodePanel)) (b []Word, scales []float32) {
	t.Helper()
	of, _ := w.Type.Block()
	lines, _ := transposed(t, w)
	b, checkBytes := guarded(t, make([]Word, w.K*Panel/4))
	scales, checkScales := guarded(t, make([]float32, CodeScales(w.Type, w.K)))
	unpack(&CodePanel{Dst: b, Scales: scales, Src: lines, Count: w.K / of.Elements})
	checkBytes("bytes")
	checkScales("scales")
	return b, scales
}

// eachTileOfCodes calls f with every level and type that has tiles of codes.
func eachTileOfCodes(f func(what string, l *Level, typ compute.DType)) {
	eachProductOfCodes(func(what string, l *Level, typ compute.DType) {
		if l.Blocks[typ].Tile != nil {
			f(what, l, typ)
		}
	})
}

// stored returns the whole number that an unpacked byte stands for.
func stored(l *Level, typ compute.DType, code int8) int {
	if l.RunWords == LineWords {
		return int(uint8(code)) - 128
	}
	bias := map[compute.DType]int{compute.Q4_0: 8, compute.Q5_0: 16, compute.Q3_K: 4, compute.Q6_K: 32}
	return int(code) - bias[typ]
}

// TestUnpackedWeights compares bytes, scales and offsets with the weights that they stand for.
func TestUnpackedWeights(t *testing.T) {
	eachTileOfCodes(func(what string, l *Level, typ compute.DType) {
		of, _ := typ.Block()
		parts := CodeParts(typ)
		w := devicetest.Drawn(5, Panel, 3*of.Elements, typ)
		_, values := transposed(t, w)
		b, scales := unpacked(t, w, l.Blocks[typ].Unpack)
		for c, row := range values {
			for i, v := range row {
				code := stored(l, typ, b[i/4*Panel+c].Byte(i%4))
				numbers := scales[3*(i*parts/Run)*Panel+c:]
				got := numbers[0] * float32(code)
				if HasOffsets(typ) {
					got += numbers[2*Panel]
				}
				require.InDelta(t, v, got, 1e-6*float64(max(1, max(v, -v))), "%s, element %d of row %d", what, i, c)
			}
		}
	})
}

// TestTilesOfCodesEqualRows compares tiles with the kernels of one row, to the bit, and with the plain tile.
func TestTilesOfCodesEqualRows(t *testing.T) {
	eachTileOfCodes(func(what string, l *Level, typ compute.DType) {
		kernels := l.Blocks[typ]
		of, _ := typ.Block()
		for rows := 1; rows <= CodeTileRows; rows++ {
			for _, cols := range []int{Panel, 17, 16, 5} {
				const blocks, ldc = 2, Panel + 3
				k := blocks * of.Elements
				w := devicetest.Drawn(uint64(6+rows), Panel, k, typ)
				lines, _ := transposed(t, w)
				codes, runs, _ := coded(l, rows, k)
				x, pitch := lined(l, rows, k)
				want := random(rows * Panel)
				got, check := guarded(t, random(rows*ldc))
				for i := range rows {
					copy(got[i*ldc:][:cols], want[i*Panel:])
				}
				plain := append([]float32{}, got...)
				row := BlockRows{Src: lines, Scales: make([]float32, BlockScales), Rows: 1, Count: blocks}
				for i := range rows {
					row.Dst, row.X = want[i*Panel:], codes[i*runs:]
					kernels.Codes(&row)
				}
				few, checkFew := guarded(t, make([]float32, rows*Panel))
				for i := range rows {
					copy(few[i*Panel:], got[i*ldc:][:cols])
				}
				kernels.Codes(&BlockRows{
					Dst: few, X: codes, Src: lines, Scales: make([]float32, BlockScales), Rows: rows, LDX: runs, Count: blocks,
				})
				checkFew(what)
				tile := CodeTile{
					Dst: got, LDC: ldc, X: x, LDX: pitch, Rows: rows, Cols: cols, Runs: k / Run, Mode: ModeContinue,
					Room: make([]float32, CodeTileRows*Panel),
				}
				tile.B, tile.Scales = unpacked(t, w, kernels.Unpack)
				kernels.Tile(&tile)
				what := fmt.Sprintf("%s, %d rows, %d columns", what, rows, cols)
				check(what)
				for i := range rows {
					requireSameWords(t, Words(want[i*Panel:][:cols]), Words(got[i*ldc:][:cols]), what)
					requireSameWords(t, Words(want[i*Panel:][:cols]), Words(few[i*Panel:][:cols]), what)
				}
				if l.RunWords == LineWords {
					tile.Dst = plain
					codeTile(CodeParts(typ), HasOffsets(typ))(&tile)
					requireNear(t, plain, got, 1e-6, 300, what)
				}

				// From zero on, over what was there.
				clear(want)
				row.Dst, row.X = want, codes
				kernels.Codes(&row)
				tile.Dst, tile.Mode = got, 0
				kernels.Tile(&tile)
				requireSameWords(t, Words(want[:cols]), Words(got[:cols]), what)
				check(what)
			}
		}
	})
}
