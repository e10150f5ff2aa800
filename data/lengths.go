package data

import (
	"fmt"
	"slices"
	"strings"
)

// Keeps is the max_seq_length that keeps a share of the rows whole.
func (s *Set) Keeps(share float64) int {
	if len(s.Lengths) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s.Lengths))
	kept := int(share*float64(len(sorted)) + 0.999999)
	return int(sorted[max(0, min(kept, len(sorted))-1)])
}

// OverLongTable tells how many rows are longer than the cutoff, by how much, and
// what max_seq_length would keep more.
func (s *Set) OverLongTable() string {
	if s.Stream {
		return fmt.Sprintf("%d rows are strung together and cut every %d tokens; the longest has %d\n", len(s.Lengths), s.Cutoff, s.Keeps(1))
	}
	var b strings.Builder
	over := 0
	by := map[string]int{}
	classes := []string{"up to 10 %", "up to 50 %", "up to 100 %", "more"}
	for _, n := range s.Lengths {
		if int(n) <= s.Cutoff {
			continue
		}
		over++
		k := 0
		for k < 3 && float64(n) > float64(s.Cutoff)*[]float64{1.1, 1.5, 2}[k] {
			k++
		}
		by[classes[k]]++
	}
	fmt.Fprintf(&b, "%d of %d rows are longer than max_seq_length %d: %d cut, %d dropped, %d split\n", over, len(s.Lengths), s.Cutoff, s.Cut, s.Dropped, s.Split)
	if over > 0 {
		for _, class := range classes {
			fmt.Fprintf(&b, "  longer by %-12s %d\n", class, by[class])
		}
	}
	for _, share := range []float64{0.95, 0.99, 1} {
		fmt.Fprintf(&b, "  max_seq_length %-6d keeps %.0f %%\n", s.Keeps(share), 100*share)
	}
	return b.String()
}
