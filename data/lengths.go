package data

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Keeps returns the max_seq_length that keeps a share of the rows whole.
func (s *Set) Keeps(share float64) int {
	if len(s.Lengths) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s.Lengths))
	kept := int(share*float64(len(sorted)) + 0.999999)
	return int(sorted[max(0, min(kept, len(sorted))-1)])
}

// OverLongTable lists how many rows are left out and why, how many are longer than the
// cutoff, by how much, and which max_seq_length would keep more.
func (s *Set) OverLongTable() string {
	var b strings.Builder
	if left := s.LeftOut(); left != "" {
		fmt.Fprintln(&b, left)
	}
	if s.Stream {
		fmt.Fprintf(&b, "%d rows are concatenated and cut every %d tokens; the longest has %d\n",
			len(s.Lengths), s.Cutoff, s.Keeps(1))
		return b.String()
	}
	over := 0
	classes := []struct {
		name  string
		most  float64 // times the cutoff
		count int
	}{{"up to 10 %", 1.1, 0}, {"up to 50 %", 1.5, 0}, {"up to 100 %", 2, 0}, {"more", math.Inf(1), 0}}
	for _, n := range s.Lengths {
		if int(n) <= s.Cutoff {
			continue
		}
		over++
		k := 0
		for float64(n) > float64(s.Cutoff)*classes[k].most {
			k++
		}
		classes[k].count++
	}
	fmt.Fprintf(&b, "%d of %d rows are longer than max_seq_length %d: %d cut, %d dropped, %d split\n",
		over, len(s.Lengths), s.Cutoff, s.Cut, s.Dropped, s.Split)
	if over > 0 {
		for _, class := range classes {
			fmt.Fprintf(&b, "  longer by %-12s %d\n", class.name, class.count)
		}
	}
	for _, share := range []float64{0.95, 0.99, 1} {
		fmt.Fprintf(&b, "  max_seq_length %-6d keeps %.0f %%\n", s.Keeps(share), 100*share)
	}
	return b.String()
}
