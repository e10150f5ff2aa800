package kernel

import (
	"fmt"
	"testing"
)

func TestLayoutsEqualTwins(t *testing.T) {
	kinds := []struct {
		name  string
		of    func(l *Level) func(*Pack)
		words func(n int) []Word
		call  func(rows, cols int) Pack // without dst and src
		dst   func(rows, cols int) int
	}{
		{"packF32", func(l *Level) func(*Pack) { return l.PackF32 }, floats,
			func(rows, cols int) Pack { return Pack{LDD: 17, LDS: cols + 1} },
			func(rows, cols int) int { return max(0, cols-1)*17 + rows }},
		{"part", func(l *Level) func(*Pack) { return l.Part }, floats,
			func(rows, cols int) Pack { return Pack{LDD: 16*cols + 5, LDS: 35} },
			func(rows, cols int) int { return 32*cols + 5 }},
		{"packBF16", func(l *Level) func(*Pack) { return l.PackBF16 }, floats,
			func(rows, cols int) Pack { return Pack{LDD: 17, LDS: cols + 1} },
			func(rows, cols int) int { return max(0, (cols+1)/2-1)*17 + rows }},
		{"pairBF16", func(l *Level) func(*Pack) { return l.PairBF16 }, floats,
			func(rows, cols int) Pack { return Pack{LDS: 33} },
			func(rows, cols int) int { return (rows + 1) / 2 * Panel }},
		{"transposeBF16", func(l *Level) func(*Pack) { return l.TransposeBF16 }, pairs,
			func(rows, cols int) Pack { return Pack{LDS: 16*Panel + 3} },
			func(rows, cols int) int { return cols * 16 * Panel }},
		{"transposeBF16F32", func(l *Level) func(*Pack) { return l.TransposeBF16F32 }, pairs,
			func(rows, cols int) Pack { return Pack{LDD: Panel, Half: 16, LDS: 16*Panel + 3} },
			func(rows, cols int) int { return cols * 32 * Panel }},
		{"transposeF16F32", func(l *Level) func(*Pack) { return l.TransposeF16F32 }, pairs,
			func(rows, cols int) Pack { return Pack{LDD: Panel, Half: 16, LDS: 16*Panel + 3} },
			func(rows, cols int) int { return cols * 32 * Panel }},
		{"widenBF16", func(l *Level) func(*Pack) { return l.WidenBF16 }, pairs,
			func(rows, cols int) Pack { return Pack{} },
			func(rows, cols int) int { return cols * 2 * Panel }},
		{"widenF16", func(l *Level) func(*Pack) { return l.WidenF16 }, pairs,
			func(rows, cols int) Pack { return Pack{} },
			func(rows, cols int) int { return cols * 2 * Panel }},
		{"dequantizeInt8", func(l *Level) func(*Pack) { return l.DequantizeInt8 }, codes,
			func(rows, cols int) Pack { return Pack{Scale: random(Panel)} },
			func(rows, cols int) int { return cols * 4 * Panel }},
		{"dequantizeNF4", func(l *Level) func(*Pack) { return l.DequantizeNF4 }, codes,
			func(rows, cols int) Pack { return Pack{Scale: random(Panel)} },
			func(rows, cols int) int { return cols * 8 * Panel }},
		{"transposeInt8", func(l *Level) func(*Pack) { return l.TransposeInt8 }, codes,
			func(rows, cols int) Pack { return Pack{LDD: 8 * Panel} },
			func(rows, cols int) int { return 16 * Panel }},
		{"unpackPairs", func(l *Level) func(*Pack) { return l.UnpackPairs }, codes,
			func(rows, cols int) Pack { return Pack{LDD: 2*PairCols*cols + 3} },
			func(rows, cols int) int { return 4*PairCols*cols + 3 }},
	}
	assembly(t, func(t *testing.T, fast, slow Level) {
		for _, k := range kinds {
			for rows := 1; rows <= 16; rows++ {
				for _, cols := range []int{1, 2, 3, 15, 16, 17, 31, 32, 33, 70} {
					what := fmt.Sprintf("%s rows=%d cols=%d", k.name, rows, cols)
					p := k.call(rows, cols)
					p.Rows, p.Cols, p.Src = rows, cols, k.words(17*max(p.LDS, 16*Panel+3)+cols*(16*Panel+3))
					want := make([]Word, k.dst(rows, cols))
					got, check := guarded(t, want)
					p.Dst = want
					k.of(&slow)(&p)
					p.Dst = got
					k.of(&fast)(&p)
					requireSameWords(t, want, got, what)
					check(what)
				}
			}
		}
		for n := range 1001 {
			x := random(n + 1)[1:]
			want := make([]Word, (n+15)/16*4)
			got, check := guarded(t, want)
			slow.ToBytes(x, want, 25)
			fast.ToBytes(x, got, 25)
			requireSameWords(t, want, got, fmt.Sprint("toBytes n=", n))
			check("toBytes")
			want = make([]Word, (n+7)/8*4)
			got, check = guarded(t, want)
			slow.ToPairs(x, want, 25)
			fast.ToPairs(x, got, 25)
			requireSameWords(t, want, got, fmt.Sprint("toPairs n=", n))
			check("toPairs")
		}
	})
}
