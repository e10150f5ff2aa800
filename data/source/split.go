package source

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// slice is one part of a split, in rows or in percent of the rows.
type slice struct {
	from, to *int
	percent  bool
	whole    bool // percent are rounded down to whole rows per percent ("pct1_dropremainder")
}

var sliceForm = regexp.MustCompile(`^([\w.-]+)(?:\[(?:(-?[\d_]+)(%)?)?:(?:(-?[\d_]+)(%)?)?\])?(?:\((\w*)\))?$`)

// parseSplit reads a split as Hugging Face's datasets writes it: "train", "train[:100]", "train[10%:20%]",
// "train[:1%]+train[-1%:]". A local file has the split train alone.
func parseSplit(text string) ([]slice, error) {
	var out []slice
	for _, part := range strings.Split(text, "+") {
		m := sliceForm.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			return nil, fmt.Errorf("split is %q, want the form train[from:to]", text)
		}
		if m[1] != "train" {
			return nil, fmt.Errorf("split is %q: a file has the split train alone", text)
		}
		s := slice{percent: m[3]+m[5] != "", whole: m[6] == "pct1_dropremainder"}
		if m[6] != "" && m[6] != "closest" && !s.whole {
			return nil, fmt.Errorf("split is %q: unknown rounding %q, want closest or pct1_dropremainder", text, m[6])
		}
		for i, into := range map[int]**int{2: &s.from, 4: &s.to} {
			if m[i] == "" {
				continue
			}
			n, err := strconv.Atoi(strings.ReplaceAll(m[i], "_", ""))
			if err != nil || s.percent && (n < -100 || n > 100) {
				return nil, fmt.Errorf("split is %q: %s is out of range", text, m[i])
			}
			*into = &n
		}
		out = append(out, s)
	}
	return out, nil
}

// bounds returns the rows [from, to) of n.
func (s slice) bounds(n int) (from, to int) {
	at := func(p *int, otherwise int) int {
		if p == nil {
			return otherwise
		}
		v := *p
		switch {
		case s.percent && s.whole:
			v *= n / 100
		case s.percent:
			v = int(math.RoundToEven(float64(v) * float64(n) / 100))
		}
		if v < 0 {
			v = max(n+v, 0)
		}
		return min(v, n)
	}
	return at(s.from, 0), at(s.to, n)
}

// SplitRows returns the indexes of the rows that a split takes of n, in the order of the file.
func SplitRows(split string, n int) ([]int, error) {
	if split == "" {
		split = "train"
	}
	parts, err := parseSplit(split)
	if err != nil {
		return nil, err
	}
	var rows []int
	for _, s := range parts {
		if s.percent && s.whole && n < 100 {
			return nil, fmt.Errorf("split is %q: pct1_dropremainder takes no row of %d", split, n)
		}
		from, to := s.bounds(n)
		for i := from; i < to; i++ {
			rows = append(rows, i)
		}
	}
	slices.Sort(rows)
	if len(slices.Compact(slices.Clone(rows))) != len(rows) {
		return nil, fmt.Errorf("split is %q: its parts overlap", split)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("split is %q: it has none of %d rows", split, n)
	}
	return rows, nil
}
