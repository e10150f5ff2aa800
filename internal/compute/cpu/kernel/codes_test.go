package kernel

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/devicetest"
)

// coded returns rows of k elements as codes of a level, pitch words apart, and their values.
func coded(l *Level, rows, k int) (codes []Word, pitch int, values []float32) {
	x := random(rows * k)
	x[3], x[k/2] = 1e-3, -40
	pitch, values = (k/Run+1)*l.RunWords, make([]float32, rows*k)
	codes = make([]Word, rows*pitch)
	for i := range rows {
		l.CodeRuns(x[i*k:][:k], codes[i*pitch:])
	}
	RoundRuns(values, x)
	return codes, pitch, values
}

func TestCodesAreNear(t *testing.T) {
	const n = 640
	x, values := random(n), make([]float32, n)
	RoundRuns(values, x)
	for i := range n {
		var top float64
		for _, v := range x[i/Run*Run:][:Run] {
			top = max(top, math.Abs(float64(v)))
		}
		require.InDelta(t, x[i], values[i], top/254*1.0001)
	}
}

func TestCodesOfWhatIsNotFinite(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		x, values := make([]float32, 2*Run), make([]float32, 2*Run)
		x[7], x[40] = float32(bad), 127
		RoundRuns(values, x)
		require.NotEqual(t, values[0], values[0])
		require.Equal(t, float32(127), values[40])
	}
}

// eachProductOfCodes calls f with every level and type that has a kernel for it.
func eachProductOfCodes(f func(what string, l *Level, typ compute.DType)) {
	all := Levels()
	for i := range all {
		for _, typ := range compute.BlockTypes() {
			if l := &all[i]; l.Blocks[typ].Codes != nil {
				f(fmt.Sprint(l.Name, " ", typ), l, typ)
			}
		}
	}
}

// TestCodesTimesBlocks compares products of codes with those of their values, in float64.
func TestCodesTimesBlocks(t *testing.T) {
	eachProductOfCodes(func(what string, l *Level, typ compute.DType) {
		of, _ := typ.Block()
		for _, rows := range []int{1, 2, 5, 8, 11} {
			const blocks = 3
			k := blocks * of.Elements
			lines, weights := transposed(t, devicetest.Drawn(5, Panel, k, typ))
			codes, pitch, values := coded(l, rows, k)
			b := BlockRows{
				X: codes, Src: lines, Scales: make([]float32, BlockScales), Rows: rows, LDX: pitch, Count: blocks,
			}
			want := random(rows * Panel)
			got, check := guarded(t, want)
			for i := range want {
				sum := float64(want[i])
				for j, w := range weights[i%Panel] {
					sum += float64(values[i/Panel*k+j]) * float64(w)
				}
				want[i] = float32(sum)
			}
			b.Dst = got
			l.Blocks[typ].Codes(&b)
			what := fmt.Sprintf("%s, %d rows", what, rows)
			requireNear(t, want, got, 1e-6, 300, what)
			check(what)
		}
	})
}

// TestCodesDoNotOverflow multiplies the largest codes by the largest of either sign, and codes of any size by those of
// the sign that adds up most.
func TestCodesDoNotOverflow(t *testing.T) {
	eachProductOfCodes(func(what string, l *Level, typ compute.DType) {
		const drawn = -1
		of, _ := typ.Block()
		for _, fill := range []int{0x00, 0xff, 0x7f, 0x80, 0x0f, 0xf0, 0xaa, 0x55, drawn} {
			w := devicetest.Drawn(5, Panel, of.Elements, typ)
			for i := range w.Raw {
				if fill != drawn {
					w.Raw[i] = byte(fill)
				}
			}
			for at := 0; at < len(w.Raw); at += of.Bytes {
				for _, h := range devicetest.Halves(typ) {
					w.Raw[at+h], w.Raw[at+h+1] = 0, 0x3c
				}
			}
			lines, weights := transposed(t, w)
			for _, sign := range []float32{1, -1} {
				for _, sorted := range []bool{false, true} {
					x := make([]float32, of.Elements)
					for i := range x {
						x[i] = sign * 127
						if sorted && weights[0][i] < mean(weights[0][i/Run*Run:][:Run]) {
							x[i] = -x[i]
						}
					}
					codes, dst := make([]Word, of.Elements/Run*l.RunWords), make([]float32, Panel)
					l.CodeRuns(x, codes)
					l.Blocks[typ].Codes(&BlockRows{
						Dst: dst, X: codes, Src: lines, Scales: make([]float32, BlockScales), Rows: 1, LDX: len(codes), Count: 1,
					})
					for c, got := range dst {
						var want, size float64
						for i, v := range weights[c] {
							want += float64(v) * float64(x[i])
							size += math.Abs(float64(v)) * 127
						}
						require.InDelta(t, want, float64(got), 1e-5*size, "%s %x %v", what, fill, sorted)
					}
				}
			}
		}
	})
}

func mean(x []float32) (sum float32) {
	for _, v := range x {
		sum += v / float32(len(x))
	}
	return sum
}

func TestCodeRunsEqualTwin(t *testing.T) {
	assembly(t, func(t *testing.T, fast, slow Level) {
		for runs := range 5 {
			x := random(runs*Run + 1)[1:]
			for i, v := range []float32{0, -0.5, 1e-45, 3e38, 127, 63.5, float32(math.NaN()), float32(math.Inf(-1))} {
				for j := i * 4; j < min(len(x), i*4+4); j++ {
					x[j] *= 1e-3
				}
				if 32*(i%4)+i < len(x) {
					x[32*(i%4)+i] = v
				}
				if i == 4 && runs > 2 {
					clear(x[Run : 2*Run])
				}
				for _, c := range []struct {
					words      int
					twin, fast func(x []float32, dst []Word)
				}{{LineWords, slow.CodeLines, fast.CodeLines}, {RunWords, slow.CodeRuns, fast.CodeRuns}} {
					if c.words == RunWords && fast.RunWords != RunWords {
						continue
					}
					want := make([]Word, runs*c.words)
					c.twin(x, want)
					got, check := guarded(t, make([]Word, len(want)))
					c.fast(x, got)
					requireSameWords(t, want, got, fmt.Sprint(runs, " runs, ", i))
					check("codes")
				}
			}
		}
	})
}
