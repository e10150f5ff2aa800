package data

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Set is a loaded data set and what there is to know about it.
type Set struct {
	Examples []Example
	Rows     int // read from the files
	Cut      int // rows longer than the cutoff, and shortened
	Dropped  int // rows longer than the cutoff, and left out
	Split    int // rows longer than the cutoff, and split
	Cleaned  int // rows that cleaning left out
	BadRows  int // rows that could not be read, and were skipped
	Silent   int // among Examples, those without a learned token
	Tokens   int
	Learned  int
	Cutoff   int
	Stream   bool     // rows are strung together and cut every Cutoff tokens: none is too long
	Lengths  []int32  // of the rows, uncut
	Bad      []string // what was wrong with the first bad rows
	Hash     string   // SHA-256 over tokens and labels
	Report   Report   // what the linter found

	arena   *arena            // where the examples are
	answers map[uint64]int    // how often each answer is given
	asked   map[uint64]string // and a row of each
	opened  map[uint64]bool   // the first turns of conversations, when cleaning
}

// take counts an outcome.
func (s *Set) take(out outcome) {
	s.Rows++
	if out.bad != nil {
		if s.BadRows++; len(s.Bad) < 20 {
			s.Bad = append(s.Bad, out.bad.Error())
		}
		s.Report.add("bad-row", "", "%v", out.bad)
		return
	}
	for _, m := range out.marks {
		s.Report.add(m.rule, out.source, "%s", m.text)
	}
	for _, rule := range out.fixed {
		s.Report.fixed(rule)
	}
	if out.opening != 0 {
		out.left = out.left || s.opened[out.opening]
		out.cleaned = out.cleaned || out.left
		s.opened[out.opening] = true
	}
	if out.cleaned {
		s.Cleaned++
	}
	if out.left {
		return
	}
	if out.answer != 0 {
		s.answers[out.answer]++
		s.asked[out.answer] = out.source
	}
	if out.length > s.Cutoff && s.Cutoff > 0 && len(out.examples) < 2 && !s.Stream {
		s.Report.add("over-long", out.source, "%d tokens, %d are room", out.length, s.Cutoff)
	}
	s.Lengths = append(s.Lengths, int32(min(out.length, 1<<31-1)))
	switch {
	case len(out.examples) == 0:
		s.Dropped++
	case len(out.examples) > 1:
		s.Split++
	case len(out.examples[0].Tokens) < out.length:
		s.Cut++
	}
	for _, e := range out.examples {
		s.Examples = append(s.Examples, s.arena.keep(e))
	}
}

// finish counts, and refuses a set that teaches nothing.
func (s *Set) finish(paths []string) error {
	h := sha256.New()
	for _, e := range s.Examples {
		learned := e.Learned()
		s.Tokens += len(e.Tokens)
		s.Learned += learned
		if learned == 0 {
			s.Silent++
		}
		binary.Write(h, binary.LittleEndian, int64(len(e.Tokens)))
		binary.Write(h, binary.LittleEndian, e.Tokens)
		binary.Write(h, binary.LittleEndian, e.Labels)
	}
	s.Hash = hex.EncodeToString(h.Sum(nil))
	switch {
	case len(s.Examples) == 0 && s.Dropped > 0:
		return fmt.Errorf("read %v: all %d records are longer than max_seq_length %d", paths, s.Dropped, s.Cutoff)
	case len(s.Examples) == 0 && s.BadRows > 0:
		return fmt.Errorf("read %v: none of %d records can be read; the first: %s", paths, s.BadRows, s.Bad[0])
	case len(s.Examples) == 0:
		return fmt.Errorf("read %v: %w", paths, ErrEmpty)
	case s.Learned == 0:
		return fmt.Errorf("read %v: no record has a learned token (all labels are masked); are the answers empty, or beyond max_seq_length %d?", paths, s.Cutoff)
	}
	return nil
}

// lint looks at the set as a whole.
func (s *Set) lint(tok Tokenizer) {
	s.Report.Rows = s.Rows
	if s.Report.identical(s.answers, s.asked); tok != nil && len(s.answers) == 0 {
		s.Report.ends(s.Examples, tok.EOS())
	}
	s.arena, s.answers, s.asked, s.opened = nil, nil, nil, nil
	s.Report.settle()
}
