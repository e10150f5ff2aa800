package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/devicetest"
)

// assembly runs a test for every level with assembly against the plain one.
func assembly(t *testing.T, f func(t *testing.T, fast, slow Level)) {
	for _, l := range Levels() {
		if l.Name != "plain" {
			t.Run(l.Name, func(t *testing.T) { f(t, l, Plain()) })
		}
	}
}

func random(n int) []float32 { return devicetest.Normal(9, n) }

// floats returns words of normal float32.
func floats(n int) []Word { return Words(random(n)) }

// pairs returns words of two normal bfloat16.
func pairs(n int) []Word {
	x, y := random(2*n), make([]Word, n)
	for i := range y {
		y[i] = pair(compute.ToBF16(x[2*i]), compute.ToBF16(x[2*i+1]))
	}
	return y
}

// codes returns words of four bytes.
func codes(n int) []Word {
	words := floats(n)
	for i := range words {
		words[i] *= 2654435761
	}
	return words
}

// guarded returns a copy of x between guards, at an odd offset; check fails the test if a guard has changed.
func guarded[T float32 | Word](t *testing.T, x []T) (inner []T, check func(what string)) {
	t.Helper()
	const band, guard = 19, 12345
	all := make([]T, len(x)+2*band)
	for i := range all {
		all[i] = guard
	}
	inner = all[band : band+len(x) : band+len(x)]
	copy(inner, x)
	return inner, func(what string) {
		t.Helper()
		for i := range band {
			if all[i] != guard || all[len(all)-1-i] != guard {
				require.Failf(t, "guard overwritten", what)
			}
		}
	}
}

// requireNear compares elements, relative to their size and that of the terms.
func requireNear(t *testing.T, want, got []float32, limit, size float64, what string) {
	t.Helper()
	for i := range want {
		w, g := float64(want[i]), float64(got[i])
		if w != w && g != g || w == g {
			continue
		}
		if !(math.Abs(w-g) <= limit*(size+math.Abs(w))) {
			require.Failf(t, "differs", "%s: element %d of %d: want %g, got %g", what, i, len(want), w, g)
		}
	}
}

// requireSameWords compares words; two NaN are the same.
func requireSameWords(t *testing.T, want, got []Word, what string) {
	t.Helper()
	for i := range want {
		w, g := want[i].float(), got[i].float()
		if want[i] != got[i] && (w == w || g == g) {
			t.Fatalf("%s: word %d of %d: want %x, got %x", what, i, len(want), want[i], got[i])
		}
	}
}
