package data

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"fettle/data/encode"
	"fettle/data/lint"
	"fettle/data/recipe"
	"fettle/data/source"
)

// outcome is the result of one record.
type outcome struct {
	examples []Example
	length   int   // tokens before any cut
	bad      error // the row cannot be used
	fatal    error // loading ends

	source  string
	marks   []lint.Mark
	fixed   []string // rules whose repair changed the row
	dropped string   // why repair or cleaning dropped the row, "" if they kept it
	cleaned bool     // dropped by cleaning
	refused bool     // dropped for its label
	use     source.Use
	opening uint64 // hash of the first two turns, when cleaning; 0: none
	answer  uint64 // hash of the answers; 0: none
}

// loader fills a set.
type loader struct {
	set     *Set
	options Options
	meter   *source.Meter
	arena   *arena          // holds the examples
	answers lint.Answers    // of all rows
	opened  map[uint64]bool // hashes of conversations' first two turns, when cleaning
	fields  fieldCounts     // of the file being read
	absent  map[column]error
	found   map[column]bool
	silent  int // rows of which nothing is learned, though they are not cut
}

// column is a mapping of a file's fields.
type column struct{ entry, ours, theirs string }

// load encodes files, without patterns and cache.
func load(tok encode.Tokenizer, r recipe.Recipe, files []source.File, o Options) (*Set, error) {
	s := &Set{Cutoff: o.Cutoff, Stream: r.Stream}
	l := &loader{
		set: s, options: o, meter: source.NewMeter(files), arena: &arena{dir: o.Cache}, opened: map[uint64]bool{},
		absent: map[column]error{}, found: map[column]bool{},
	}
	fields := fieldCounts{}
	w := worker{Encoder: encode.New(tok, r), checker: lint.NewChecker(tok, r), recipe: r, options: o}
	var paths []string
	seen := map[uint64]string{}
	for i, f := range files {
		from := len(s.Examples)
		more := map[string]int{} // sources of rows taken more than once
		if err := l.file(&w, f, o.Seed+uint64(i), more); err != nil {
			return nil, err
		}
		l.fields.report(w.file, &s.Report, fields)
		s.Examples = append(s.Examples[:from], s.Report.Duplicates(s.Examples[from:], seen, o.Fix)...)
		s.Examples = append(s.Examples[:from], multiply(s.Examples[from:], more)...)
		s.Examples = append(s.Examples[:from], repeat(s.Examples[from:], f.Weight, o.Seed+uint64(i))...)
		paths = append(paths, f.Path)
	}
	for _, key := range slices.SortedFunc(maps.Keys(l.absent), column.compare) {
		if !l.found[key] {
			return nil, l.absent[key]
		}
	}
	s.Fields = fields.sorted()
	if r.Stream {
		s.Examples = stream(s.Examples, max(o.Cutoff-1, 1))
	}
	s.Report.Rows = s.Rows
	if s.Report.Identical(l.answers); tok != nil && l.answers.Empty() {
		s.Report.Ends(s.Examples, tok.EOS())
	}
	l.accept()
	s.Report.Settle()
	return s, s.finish(paths)
}

// file loads one file; more gets the sources of rows that are taken more than once.
func (l *loader) file(w *worker, f source.File, seed uint64, more map[string]int) error {
	var err error
	if w.file, err = source.Open(f, l.meter); err != nil {
		return err
	}
	w.options.OverLong = l.options.OverLong
	if w.options.OverLong == "" && w.file.Format() == "text" {
		w.options.OverLong = "split"
	}
	times, err := selection(f, w.file, seed)
	if err != nil {
		return err
	}
	l.fields = fieldCounts{}
	for out, err := range parallel(take(w.file.Records(), times, more), w.work) {
		switch {
		case err != nil:
			return err
		case out.fatal != nil:
			return out.fatal
		case out.bad != nil && l.options.OnBadRow != "skip":
			return out.bad
		}
		l.take(out)
		if l.options.Progress != nil && l.set.Rows%batchSize == 0 {
			l.options.Progress(l.set.Rows, l.meter.Share())
		}
	}
	absent := w.file.Absent()
	for ours, theirs := range w.file.Columns() {
		key := column{f.Entry, ours, theirs}
		if slices.Contains(absent, ours) {
			l.absent[key] = w.file.AbsentError(ours)
		} else {
			l.found[key] = true
		}
	}
	return nil
}

// compare orders columns.
func (c column) compare(d column) int {
	return cmp.Or(cmp.Compare(c.entry, d.entry), cmp.Compare(c.ours, d.ours), cmp.Compare(c.theirs, d.theirs))
}

// accept takes a stated over_long as consent to the rows that it shortens or drops.
func (l *loader) accept() {
	r := &l.set.Report
	if l.options.OverLong == "" {
		return
	}
	r.Accept(lint.OverLong)
	if !r.Exceeds(lint.NoLearnedTokens, l.silent) { // the others are cut
		r.Accept(lint.NoLearnedTokens)
	}
}

// take adds an outcome to the set.
func (l *loader) take(out outcome) {
	s := l.set
	s.Rows++
	if out.bad != nil {
		s.reason("it cannot be read")
		if s.BadRows++; len(s.Bad) < 20 {
			s.Bad = append(s.Bad, out.bad.Error())
		}
		s.Report.Add("bad-row", "", "%v", out.bad)
		return
	}
	l.fields.add(out.use, out.source)
	for _, m := range out.marks {
		s.Report.Add(m.Rule, out.source, "%s", m.Text)
		if m.Rule == lint.NoLearnedTokens && out.length <= s.Cutoff {
			l.silent++
		}
	}
	for _, rule := range out.fixed {
		s.Report.CountFixed(rule)
	}
	if out.opening != 0 {
		if l.opened[out.opening] {
			out.dropped, out.cleaned = "its first two turns were seen before", true
		}
		l.opened[out.opening] = true
	}
	if out.cleaned {
		s.Cleaned++
	}
	if out.refused {
		s.Refused++
	}
	if out.dropped != "" {
		s.reason(out.dropped)
		if out.cleaned {
			s.Report.Add("row-dropped", out.source, "%s", out.dropped)
		}
		return
	}
	if out.answer != 0 {
		l.answers.Add(out.answer, out.source)
	}
	if out.length > s.Cutoff && s.Cutoff > 0 && len(out.examples) < 2 && !s.Stream {
		s.Report.Add(lint.OverLong, out.source, "%d tokens, max_seq_length is %d", out.length, s.Cutoff)
	}
	s.Lengths = append(s.Lengths, int32(min(out.length, 1<<31-1)))
	switch {
	case len(out.examples) == 0:
		s.Dropped++
		s.reason(fmt.Sprintf("longer than max_seq_length %d", s.Cutoff))
	case len(out.examples) > 1:
		s.Split++
	case len(out.examples[0].Tokens) < out.length:
		s.Cut++
	}
	for _, e := range out.examples {
		s.Examples = append(s.Examples, l.arena.keep(e))
	}
}
