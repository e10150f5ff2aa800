package data

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fettle/data/lint"
	"fettle/data/source"
)

// Set is a loaded data set with its statistics.
type Set struct {
	Examples []Example
	Rows     int            // of the files
	Cut      int            // rows longer than the cutoff and shortened
	Dropped  int            // rows longer than the cutoff and dropped
	Split    int            // rows longer than the cutoff and split
	Cleaned  int            // rows that cleaning dropped
	Refused  int            // rows whose answer is labelled as bad, which the recipe does not learn
	BadRows  int            // rows that could not be read and were skipped
	Reasons  map[string]int // rows that are not learned, by reason
	Silent   int            // examples without a learned token
	Tokens   int
	Learned  int
	Cutoff   int
	Stream   bool        // rows are concatenated and cut every Cutoff tokens: none is too long
	Lengths  []int32     // tokens of the rows before any cut
	Bad      []string    // errors of the first bad rows
	Hash     string      // SHA-256 over tokens and labels
	Fields   []Field     // of the rows
	Report   lint.Report // of the linter
}

// reason counts a row that is not learned.
func (s *Set) reason(why string) {
	if s.Reasons == nil {
		s.Reasons = map[string]int{}
	}
	s.Reasons[why]++
}

// LeftOut lists the reasons why rows are not learned with their counts, the most
// frequent first; "" if all are.
func (s *Set) LeftOut() string {
	total := 0
	var parts []string
	reasons := slices.SortedFunc(maps.Keys(s.Reasons), func(a, b string) int {
		return cmp.Or(s.Reasons[b]-s.Reasons[a], strings.Compare(a, b))
	})
	for _, why := range reasons {
		total += s.Reasons[why]
		parts = append(parts, fmt.Sprintf("%s: %d", why, s.Reasons[why]))
	}
	if total == 0 {
		return ""
	}
	return fmt.Sprintf("left out %d of %d rows (%s)", total, s.Rows, strings.Join(parts, "; "))
}

// ErrSilent reports a set without a learned token.
var ErrSilent = errors.New("no record has a learned token (all labels are masked)")

// finish counts, and refuses a set without a learned token.
func (s *Set) finish(paths []string) error {
	h := sha256.New()
	for _, e := range s.Examples {
		learned := e.Learned()
		s.Tokens += e.Len()
		s.Learned += learned
		if learned == 0 {
			s.Silent++
		}
		e.Hash(h)
	}
	s.Hash = hex.EncodeToString(h.Sum(nil))
	from := strings.Join(paths, ", ")
	switch {
	case len(s.Examples) == 0 && s.Dropped > 0:
		return fmt.Errorf("read %s: all %d records are longer than max_seq_length %d", from, s.Dropped, s.Cutoff)
	case len(s.Examples) == 0 && s.BadRows > 0:
		return fmt.Errorf("read %s: none of %d records can be read; the first: %s", from, s.BadRows, s.Bad[0])
	case len(s.Examples) == 0 && s.Refused > 0:
		return fmt.Errorf("read %s: %d of %d records are labelled false, which is not learned; the recipe koala does",
			from, s.Refused, s.Rows)
	case len(s.Examples) == 0:
		return fmt.Errorf("read %s: %w", from, source.ErrEmpty)
	case s.Learned == 0:
		return fmt.Errorf("read %s: %w; are the answers empty, or beyond max_seq_length %d?", from, ErrSilent, s.Cutoff)
	}
	return nil
}
