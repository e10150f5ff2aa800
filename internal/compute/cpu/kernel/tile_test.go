package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

func TestTilesEqualTwins(t *testing.T) {
	kinds := []struct {
		name  string
		of    func(l *Level) func(*Tile)
		words func(n int) []Word
		limit float64
	}{
		{"f32", func(l *Level) func(*Tile) { return l.TileF32 }, floats, 1e-6},
		{"bf16", func(l *Level) func(*Tile) { return l.TileBF16 }, pairs, 1e-6},
		{"int8", func(l *Level) func(*Tile) { return l.TileInt8 }, codes, 0},
	}
	assembly(t, func(t *testing.T, fast, slow Level) {
		for _, k := range kinds {
			for rows := 1; rows <= TileRows; rows++ {
				for _, cols := range []int{1, 7, 15, 16, 17, 31, 32} {
					for _, steps := range []int{0, 1, 2, 3, 4, 5, 7, 40} {
						for _, mode := range []int{0, ModeContinue, ModeAdd} {
							what := fmt.Sprintf("%s rows=%d cols=%d steps=%d mode=%d", k.name, rows, cols, steps, mode)
							ldc, lda := cols+3, rows+1
							want := floats(rows*ldc - 3)
							if k.name == "int8" {
								want = codes(rows*ldc - 3)
							}
							got, check := guarded(t, want)
							call := Tile{
								A: k.words(steps*lda + 1), LDA: lda, B: k.words(steps*35 + 32), LDB: 35,
								C: want, LDC: ldc, Rows: rows, Cols: cols, Steps: steps, Mode: mode,
							}
							start := slices.Clone(want)
							k.of(&slow)(&call)
							call.C = got
							for _, next := range [][]Word{nil, floats(90)} { // to ask for
								copy(got, start)
								call.Next = next
								k.of(&fast)(&call)
								if k.limit == 0 {
									requireSameWords(t, want, got, what)
								}
								requireNear(t, Floats(want), Floats(got), k.limit, math.Sqrt(float64(steps))+1, what)
								check(what)
							}
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
		of            func(l *Level) func(*Tile)
		rows, cols, b int // rows at most, and words of a that a step of b takes
	}{
		{"pairs", func(l *Level) func(*Tile) { return l.TilePairs }, PairRows, PairCols, 1},
		{"bytes", func(l *Level) func(*Tile) { return l.TileBytes }, 2, Panel, 2},
	}
	assembly(t, func(t *testing.T, fast, slow Level) {
		for _, k := range kinds {
			for rows := 1; rows <= k.rows; rows++ {
				for steps := 0; steps <= 42; steps += 2 {
					for _, mode := range []int{0, ModeContinue} {
						ldc, lda, ldb := k.cols+3, rows+1, k.cols+5
						want := codes(rows*ldc - 3)
						got, check := guarded(t, want)
						call := Tile{
							A: codes(steps*k.b*lda + 1), LDA: lda, B: codes(steps*ldb + 1)[1:], LDB: ldb,
							C: want, LDC: ldc, Rows: rows, Cols: k.cols, Steps: steps, Mode: mode,
						}
						k.of(&slow)(&call)
						call.C = got
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

func TestStripsEqualTwins(t *testing.T) {
	assembly(t, func(t *testing.T, fast, slow Level) {
		for _, rows := range []int{1, 5, 6, 7, 11, 12, 13, 25} {
			for _, cols := range []int{1, 7, 15, 16} {
				for _, steps := range []int{0, 1, 3, 4, 5, 8, 40, 43} {
					for _, mode := range []int{0, ModeContinue, ModeAdd} {
						what := fmt.Sprintf("rows=%d cols=%d steps=%d mode=%d", rows, cols, steps, mode)
						want := floats(rows*(cols+3) - 3)
						got, check := guarded(t, want)
						call := Tile{
							A: floats(steps*rows + 1), LDA: min(rows, SmallRows), B: floats(steps * SmallCols), LDB: SmallCols,
							C: want, LDC: cols + 3, Rows: rows, Cols: cols, Steps: steps, Mode: mode, Next: floats(90),
						}
						slow.StripF32(&call)
						call.C = got
						fast.StripF32(&call)
						requireNear(t, Floats(want), Floats(got), 1e-6, math.Sqrt(float64(steps))+1, what)
						check(what)
					}
				}
			}
		}
	})
}
