package cpu

import (
	"fmt"
	"math"
	"testing"

	"fettle/internal/compute"
	"fettle/internal/compute/devicetest"
)

func random(n int) []float32 { return devicetest.Normal(9, n) }

// pairs are words of two normal bfloat16.
func pairs(n int) []float32 {
	x, y := random(2*n), make([]float32, n)
	for i := range y {
		y[i] = pair(compute.ToBF16(x[2*i]), compute.ToBF16(x[2*i+1]))
	}
	return y
}

// codes are words of four bytes.
func codes(n int) []float32 {
	x := random(n)
	for i, v := range x {
		x[i] = math.Float32frombits(math.Float32bits(v) * 2654435761)
	}
	return x
}

func TestTilesEqualTwins(t *testing.T) {
	kinds := []struct {
		name  string
		of    func(l *level) func(*tile)
		words func(n int) []float32
		limit float64
	}{
		{"f32", func(l *level) func(*tile) { return l.tileF32 }, random, 1e-6},
		{"bf16", func(l *level) func(*tile) { return l.tileBF16 }, pairs, 1e-6},
		{"int8", func(l *level) func(*tile) { return l.tileInt8 }, codes, 0},
	}
	assembly(t, func(t *testing.T, fast, slow level) {
		for _, k := range kinds {
			for rows := 1; rows <= tileRows; rows++ {
				for _, cols := range []int{1, 7, 15, 16, 17, 31, 32} {
					for _, steps := range []int{0, 1, 2, 3, 5, 40} {
						for _, mode := range []int{0, modeContinue, modeAdd} {
							what := fmt.Sprintf("%s rows=%d cols=%d steps=%d mode=%d", k.name, rows, cols, steps, mode)
							ldc, lda := cols+3, rows+1
							want := small(random(rows*ldc - 3))
							if k.name != "int8" {
								want = random(rows*ldc - 3)
							}
							got, check := guarded(t, want)
							call := tile{
								a: k.words(steps*lda + 1), lda: lda, b: k.words(steps*35 + 32), ldb: 35,
								c: want, ldc: ldc, rows: rows, cols: cols, steps: steps, mode: mode,
							}
							k.of(&slow)(&call)
							call.c = got
							k.of(&fast)(&call)
							requireNear(t, want, got, k.limit, math.Sqrt(float64(steps))+1, what)
							check(what)
						}
					}
				}
			}
		}
	})
}

func TestTilesOfPairsEqualTwins(t *testing.T) {
	kinds := []struct {
		name          string
		of            func(l *level) func(*tile)
		rows, cols, b int // rows at most, and words of a that a step of b takes
	}{
		{"pairs", func(l *level) func(*tile) { return l.tilePairs }, pairRows, pairCols, 1},
		{"bytes", func(l *level) func(*tile) { return l.tileBytes }, 2, panel, 2},
	}
	assembly(t, func(t *testing.T, fast, slow level) {
		for _, k := range kinds {
			for rows := 1; rows <= k.rows; rows++ {
				for steps := 0; steps <= 42; steps += 2 {
					for _, mode := range []int{0, modeContinue} {
						ldc, lda, ldb := k.cols+3, rows+1, k.cols+5
						want := codes(rows*ldc - 3)
						got, check := guarded(t, want)
						call := tile{
							a: codes(steps*k.b*lda + 1), lda: lda, b: codes(steps*ldb + 1)[1:], ldb: ldb,
							c: want, ldc: ldc, rows: rows, cols: k.cols, steps: steps, mode: mode,
						}
						k.of(&slow)(&call)
						call.c = got
						k.of(&fast)(&call)
						what := fmt.Sprintf("%s rows=%d steps=%d mode=%d", k.name, rows, steps, mode)
						requireSameWords(t, want, got, what)
						check(what)
					}
				}
			}
		}
	})
}

// requireSameWords compares words, whatever they hold.
func requireSameWords(t *testing.T, want, got []float32, what string) {
	t.Helper()
	for i := range want {
		if w, g := math.Float32bits(want[i]), math.Float32bits(got[i]); w != g {
			t.Fatalf("%s: word %d of %d: want %x, got %x", what, i, len(want), w, g)
		}
	}
}

func TestStripsEqualTwins(t *testing.T) {
	assembly(t, func(t *testing.T, fast, slow level) {
		for _, rows := range []int{1, 5, 6, 7, 11, 12, 13, 25} {
			for _, cols := range []int{1, 7, 15, 16} {
				for _, steps := range []int{0, 1, 3, 40} {
					for _, mode := range []int{0, modeContinue, modeAdd} {
						what := fmt.Sprintf("rows=%d cols=%d steps=%d mode=%d", rows, cols, steps, mode)
						want := random(rows*(cols+3) - 3)
						got, check := guarded(t, want)
						call := tile{
							a: random(steps*rows + 1), lda: min(rows, smallRows), b: random(steps*17 + 16), ldb: 17,
							c: want, ldc: cols + 3, rows: rows, cols: cols, steps: steps, mode: mode, next: random(90),
						}
						slow.stripF32(&call)
						call.c = got
						fast.stripF32(&call)
						requireNear(t, want, got, 1e-6, math.Sqrt(float64(steps))+1, what)
						check(what)
					}
				}
			}
		}
	})
}

func TestLayoutsEqualTwins(t *testing.T) {
	kinds := []struct {
		name  string
		of    func(l *level) func(*pack)
		words func(n int) []float32
		call  func(rows, cols int) pack // without dst and src
		dst   func(rows, cols int) int
	}{
		{"packF32", func(l *level) func(*pack) { return l.packF32 }, random,
			func(rows, cols int) pack { return pack{ldd: 17, lds: cols + 1} }, func(rows, cols int) int { return max(0, cols-1)*17 + rows }},
		{"part", func(l *level) func(*pack) { return l.part }, random,
			func(rows, cols int) pack { return pack{ldd: 16*cols + 5, lds: 35} }, func(rows, cols int) int { return 32*cols + 5 }},
		{"packBF16", func(l *level) func(*pack) { return l.packBF16 }, random,
			func(rows, cols int) pack { return pack{ldd: 17, lds: cols + 1} }, func(rows, cols int) int { return max(0, (cols+1)/2-1)*17 + rows }},
		{"pairBF16", func(l *level) func(*pack) { return l.pairBF16 }, random,
			func(rows, cols int) pack { return pack{lds: 33} }, func(rows, cols int) int { return (rows + 1) / 2 * panel }},
		{"transposeBF16", func(l *level) func(*pack) { return l.transposeBF16 }, pairs,
			func(rows, cols int) pack { return pack{lds: 16*panel + 3} }, func(rows, cols int) int { return cols * 16 * panel }},
		{"transposeBF16F32", func(l *level) func(*pack) { return l.transposeBF16F32 }, pairs,
			func(rows, cols int) pack { return pack{ldd: panel, half: 16, lds: 16*panel + 3} }, func(rows, cols int) int { return cols * 32 * panel }},
		{"transposeF16F32", func(l *level) func(*pack) { return l.transposeF16F32 }, pairs,
			func(rows, cols int) pack { return pack{ldd: panel, half: 16, lds: 16*panel + 3} }, func(rows, cols int) int { return cols * 32 * panel }},
		{"widenBF16", func(l *level) func(*pack) { return l.widenBF16 }, pairs,
			func(rows, cols int) pack { return pack{} }, func(rows, cols int) int { return cols * 2 * panel }},
		{"widenF16", func(l *level) func(*pack) { return l.widenF16 }, pairs,
			func(rows, cols int) pack { return pack{} }, func(rows, cols int) int { return cols * 2 * panel }},
		{"dequantizeInt8", func(l *level) func(*pack) { return l.dequantizeInt8 }, codes,
			func(rows, cols int) pack { return pack{scale: random(panel)} }, func(rows, cols int) int { return cols * 4 * panel }},
		{"dequantizeNF4", func(l *level) func(*pack) { return l.dequantizeNF4 }, codes,
			func(rows, cols int) pack { return pack{scale: random(panel)} }, func(rows, cols int) int { return cols * 8 * panel }},
		{"transposeInt8", func(l *level) func(*pack) { return l.transposeInt8 }, codes,
			func(rows, cols int) pack { return pack{ldd: 8 * panel} }, func(rows, cols int) int { return 16 * panel }},
		{"unpackPairs", func(l *level) func(*pack) { return l.unpackPairs }, codes,
			func(rows, cols int) pack { return pack{ldd: 2*pairCols*cols + 3} }, func(rows, cols int) int { return 4*pairCols*cols + 3 }},
	}
	assembly(t, func(t *testing.T, fast, slow level) {
		for _, k := range kinds {
			for rows := 1; rows <= 16; rows++ {
				for _, cols := range []int{1, 2, 3, 15, 16, 17, 31, 32, 33, 70} {
					what := fmt.Sprintf("%s rows=%d cols=%d", k.name, rows, cols)
					p := k.call(rows, cols)
					p.rows, p.cols, p.src = rows, cols, k.words(17*max(p.lds, 16*panel+3)+cols*(16*panel+3))
					want := make([]float32, k.dst(rows, cols))
					got, check := guarded(t, want)
					p.dst = want
					k.of(&slow)(&p)
					p.dst = got
					k.of(&fast)(&p)
					for i := range want {
						if math.Float32bits(want[i]) != math.Float32bits(got[i]) && (want[i] == want[i] || got[i] == got[i]) {
							t.Fatalf("%s: word %d: want %x, got %x", what, i, math.Float32bits(want[i]), math.Float32bits(got[i]))
						}
					}
					check(what)
				}
			}
		}
		for n := range 1001 {
			x := random(n + 1)[1:]
			want := make([]float32, (n+15)/16*4)
			got, check := guarded(t, want)
			slow.toBytes(x, want, 25)
			fast.toBytes(x, got, 25)
			requireNear(t, want, got, 0, 0, fmt.Sprint("toBytes n=", n))
			check("toBytes")
			want = make([]float32, (n+7)/8*4)
			got, check = guarded(t, want)
			slow.toPairs(x, want, 25)
			fast.toPairs(x, got, 25)
			requireSameWords(t, want, got, fmt.Sprint("toPairs n=", n))
			check("toPairs")
		}
	})
}
