package kernel

import (
	"fmt"
	"testing"
)

func TestRowKernelsEqualTwins(t *testing.T) {
	assembly(t, func(t *testing.T, fast, slow Level) {
		for _, k := range []struct {
			name string
			per  int
			size float64 // of the largest sums
			of   func(l *Level) RowKernel
		}{
			{"bf16", 2, 20, func(l *Level) RowKernel { return l.RowBF16 }},
			{"f16", 2, 20, func(l *Level) RowKernel { return l.RowF16 }},
			{"int8", 4, 2000, func(l *Level) RowKernel { return l.RowInt8 }},
			{"nf4", 8, 20, func(l *Level) RowKernel { return l.RowNF4 }},
		} {
			if k.of(&fast) == nil {
				continue
			}
			for words := range 40 {
				what := fmt.Sprintf("%s words=%d", k.name, words)
				x, w, scale := random(words*k.per + 1)[1:], pairs(words*Panel + 1)[1:], random(Panel + 1)[1:]
				want := random(Panel)
				got, check := guarded(t, want)
				k.of(&slow)(want, x, w, scale)
				k.of(&fast)(got, x, w, scale)
				requireNear(t, want, got, 1e-6, k.size, what)
				check(what)
			}
		}
	})
}
