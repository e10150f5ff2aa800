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
			requireRowTwin(t, k.name, k.per, k.size, k.of(&slow), k.of(&fast))
		}
	})
}

// requireRowTwin compares a kernel of rows with its twin; per is how many elements a word has.
func requireRowTwin(t *testing.T, name string, per int, size float64, slow, fast RowKernel) {
	t.Helper()
	for words := range 40 {
		what := fmt.Sprintf("%s words=%d", name, words)
		x, w, scale := random(words*per + 1)[1:], pairs(words*Panel + 1)[1:], random(Panel + 1)[1:]
		want := random(Panel)
		got, check := guarded(t, want)
		slow(want, x, w, scale)
		fast(got, x, w, scale)
		requireNear(t, want, got, 1e-6, size, what)
		check(what)
	}
}
