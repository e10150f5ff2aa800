// Package suggest finds the name that a mistyped word probably stands for.
package suggest

import (
	"fmt"
	"strings"
)

// DidYouMean returns `, did you mean "…"` with the prefix and the candidate nearest to word, for the end of an error
// message, or nothing if no candidate is near.
func DidYouMean(word string, candidates []string, prefix string) string {
	nearest := Nearest(word, candidates)
	if nearest == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q", prefix+nearest)
}

// Unknown returns the error for a name outside the known ones. It suggests the nearest of them or, where none is near,
// lists them all.
func Unknown(what, name string, known []string) error {
	if near := DidYouMean(name, known, ""); near != "" {
		return fmt.Errorf("unknown %s %q%s", what, name, near)
	}
	return fmt.Errorf("unknown %s %q, want one of %s", what, name, strings.Join(known, ", "))
}

// Nearest returns the first of the candidates with the smallest Distance to word, or "" if that distance exceeds a
// third of the word, rounded up.
func Nearest(word string, candidates []string) string {
	best, nearest := 1+(len(word)+2)/3, ""
	for _, c := range candidates {
		if d := Distance(c, word); d < best {
			best, nearest = d, c
		}
	}
	return nearest
}

// Distance counts the insertions, deletions and substitutions of bytes and the swaps of neighbours that turn a into b,
// none of them inside another: the optimal string alignment distance. Damerau 1964; Wagner and Fischer 1974.
func Distance(a, b string) int {
	d := make([][]int, len(a)+1) // d[i][j] is the distance of a[:i] and b[:j]
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			substituted := d[i-1][j-1]
			if a[i-1] != b[j-1] {
				substituted++
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, substituted)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
