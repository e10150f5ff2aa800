package kernel

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
)

// linesOf returns a row of so many runs in lines, some of its elements the largest of either sign.
func linesOf(runs int) []Word {
	x, lines := random(runs*Run), make([]Word, runs*LineWords)
	for i := range x {
		if i%7 == 0 {
			x[i] = float32(math.Copysign(4, float64(x[i])))
		}
	}
	codeLinesGo(x, lines)
	return lines
}

func TestNF4InCodesEqualsTwin(t *testing.T) {
	assembly(t, func(t *testing.T, fast, _ Level) {
		if fast.CodesNF4 == nil {
			t.Skip("no kernel")
		}
		for runs := 1; runs < 40; runs++ {
			what := fmt.Sprint(runs, " runs")
			r := NF4Row{
				X: linesOf(runs), Src: codes(runs*4*Panel + 1)[1:], Scale: random((runs + 1) / 2 * Panel), Runs: runs,
				Dst: random(Panel),
			}
			got, check := guarded(t, r.Dst)
			codesNF4Go(&r)
			want := r.Dst
			r.Dst = got
			fast.CodesNF4(&r)
			requireSameWords(t, Words(want), Words(got), what)
			check(what)
		}
	})
}

// TestNF4InCodesDoesNotOverflow multiplies the largest codes by the largest of either sign.
func TestNF4InCodesDoesNotOverflow(t *testing.T) {
	for _, l := range Levels() {
		if l.CodesNF4 == nil {
			continue
		}
		for code, level := range map[Word]float32{0: -112, 15: 112} {
			for _, sign := range []float32{1, -1} {
				x, lines := make([]float32, Run), make([]Word, LineWords)
				words, scale := make([]Word, 4*Panel), make([]float32, Panel)
				for i := range x {
					x[i] = sign
				}
				for i := range words {
					words[i] = code * 0x11111111
				}
				for i := range scale {
					scale[i] = 1
				}
				codeLinesGo(x, lines)
				r := NF4Row{Dst: make([]float32, Panel), X: lines, Src: words, Scale: scale, Runs: 1}
				l.CodesNF4(&r)
				for _, v := range r.Dst {
					require.InEpsilon(t, level*sign*Run, v, 1e-6, l.Name)
				}
			}
		}
	}
}

func TestNF4MagnitudesEqualTwin(t *testing.T) {
	assembly(t, func(t *testing.T, fast, slow Level) {
		for _, c := range []struct{ first, stride, count int }{
			{0, 1, 1}, {7, 9, 9}, {250, 88, 88}, {255, 1, 2}, {1000, 172, 172}, {3, 256, 5}, {64, 32, 32}, {5, 300, 700},
		} {
			what := fmt.Sprint(c)
			m := NF4Magnitudes{
				Src: Int8s(codes(c.count * Panel / 4)), First: c.first, Stride: c.stride, Count: c.count, Mean: 0.7,
				Times: 1 / compute.NF4Scale, Dst: make([]float32, c.count*Panel),
				Scales: random((c.first+31*c.stride+c.count-1)/compute.NF4Group + 1),
			}
			got, check := guarded(t, m.Dst)
			slow.MagnitudesNF4(&m)
			want := m.Dst
			m.Dst = got
			fast.MagnitudesNF4(&m)
			requireSameWords(t, Words(want), Words(got), what)
			check(what)
		}
	})
}

// unpackNF4 returns the twin of the kernel that unpacks NF4 for the tile of a level.
func unpackNF4(l *Level) func(*CodePanel) {
	if l.RunWords == LineWords {
		return unpackNF4Above
	}
	return unpackNF4Digits
}

// unpackedNF4 returns room for what it makes of so many rows of words: digits take twice as much.
func unpackedNF4(count int) []Word { return make([]Word, 4*count*Panel) }

func TestUnpackedNF4EqualsTwin(t *testing.T) {
	assembly(t, func(t *testing.T, fast, _ Level) {
		if fast.UnpackNF4 == nil {
			t.Skip("no kernel")
		}
		for count := 1; count < 20; count++ {
			p := CodePanel{Src: codes(count*Panel + 1)[1:], Dst: unpackedNF4(count), Count: count}
			unpackNF4(&fast)(&p)
			want := p.Dst
			got, check := guarded(t, make([]Word, len(want)))
			p.Dst = got
			fast.UnpackNF4(&p)
			require.Equal(t, want, got)
			check("unpack")
		}
	})
}

// TestTilesOfNF4EqualRows compares tiles with the kernel of one row, to the bit.
func TestTilesOfNF4EqualRows(t *testing.T) {
	assembly(t, func(t *testing.T, fast, _ Level) {
		if fast.TileNF4 == nil {
			t.Skip("no kernel")
		}
		const runs, ldc = 6, Panel + 3
		for rows := 1; rows <= CodeTileRows; rows++ {
			for _, cols := range []int{Panel, 17, 5} {
				what := fmt.Sprintf("%d rows, %d columns", rows, cols)
				lines := linesOf(rows * runs)
				r := NF4Row{Src: codes(runs * 4 * Panel), Scale: random(runs / 2 * Panel), Runs: runs}
				got, check := guarded(t, random(rows*ldc))
				tile := CodeTile{
					Dst: got, LDC: ldc, X: lines, LDX: runs * LineWords, Rows: rows, Cols: cols, Runs: runs,
					B: unpackedNF4(4 * runs), Scales: make([]float32, CodeScales(compute.NF4, runs*Run)),
					Mode: ModeContinue, Room: make([]float32, CodeTileRows*Panel),
				}
				for i := range runs {
					copy(tile.Scales[i*3*Panel:], r.Scale[i/2*Panel:][:Panel])
				}
				fast.UnpackNF4(&CodePanel{Dst: tile.B, Src: r.Src, Count: 4 * runs})
				for i := range rows {
					r.Dst, r.X = make([]float32, Panel), lines[i*runs*LineWords:]
					copy(r.Dst, got[i*ldc:][:cols])
					fast.CodesNF4(&r)
					copy(got[i*ldc:][:cols], r.Dst)
				}
				want := append([]float32{}, got...)
				copy(got, random(rows*ldc))
				fast.TileNF4(&tile)
				for i := range rows {
					requireSameWords(t, Words(want[i*ldc:][:cols]), Words(got[i*ldc:][:cols]), what)
				}
				check(what)
			}
		}
	})
}

// TestOneMultiplyAddRoundsOnce compares with whole numbers, in cases that rounding to float64 first gets wrong too.
func TestOneMultiplyAddRoundsOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	draw := func() float32 {
		return float32(math.Ldexp(float64(r.Uint32()>>8)-1<<23, -10-r.IntN(28)))
	}
	check := func(x, y, z float32) {
		exact := func(v float32) *big.Float { return new(big.Float).SetPrec(500).SetFloat64(float64(v)) }
		sum := exact(x)
		sum.Mul(sum, exact(y)).Add(sum, exact(z))
		want, _ := sum.Float32()
		require.Equal(t, want, fma32(x, y, z), "%g·%g + %g", x, y, z)
	}
	check(1+0x1p-23, 0x1p-30, 1+0x1p-23)
	check(0x1p-24*(1+0x1p-20), 1-0x1p-20, 1)
	check(0x1p-24*(1+0x1p-20), 1+0x1p-20, 1)
	check(0x1p-24, 1, 1)
	for range 20000 {
		check(draw(), draw(), draw())
	}
}

func BenchmarkNF4(b *testing.B) {
	const k = 2048
	for _, l := range Levels() {
		measure := func(what string, rows int, call func()) {
			b.Run(fmt.Sprintf("%s/%s/%d", l.Name, what, rows), func(b *testing.B) {
				for b.Loop() {
					call()
				}
				b.ReportMetric(float64(rows*k*Panel)*float64(b.N)/1e9/b.Elapsed().Seconds(), "Gweights/s")
			})
		}
		words, x, sums, scale := codes(k/8*Panel), random(k), make([]float32, Panel), random(k/64*Panel)
		measure("f32", 1, func() {
			for i := range k / 64 {
				l.RowNF4(sums, x[i*64:][:64], words[i*8*Panel:], scale[i*Panel:])
			}
		})
		m := NF4Magnitudes{
			Dst: scale, Src: Int8s(codes(k / 64 * Panel / 4)), Scales: random(5), Stride: k / 64, Count: k / 64, Times: 1,
		}
		measure("magnitudes", 1, func() { l.MagnitudesNF4(&m) })
		if l.CodesNF4 == nil {
			continue
		}
		r := NF4Row{Dst: sums, X: linesOf(k / Run), Src: words, Scale: scale, Runs: k / Run}
		measure("codes", 1, func() { l.CodesNF4(&r) })
	}
}
