package data

import (
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
	dropped bool     // by repair or cleaning
	cleaned bool     // dropped by cleaning
	opening uint64   // hash of the first two turns, when cleaning; 0: none
	answer  uint64   // hash of the answers; 0: none
}

// loader fills a set.
type loader struct {
	set     *Set
	options Options
	meter   *source.Meter
	arena   *arena          // holds the examples
	answers lint.Answers    // of all rows
	opened  map[uint64]bool // hashes of conversations' first two turns, when cleaning
}

// load encodes files, without patterns and cache.
func load(tok encode.Tokenizer, r recipe.Recipe, files []source.File, o Options) (*Set, error) {
	s := &Set{Cutoff: o.Cutoff, Stream: r.Stream}
	l := &loader{
		set: s, options: o, meter: source.NewMeter(files), arena: &arena{dir: o.Cache}, opened: map[uint64]bool{},
	}
	w := worker{Encoder: encode.New(tok, r), checker: lint.NewChecker(tok, r), recipe: r, options: o}
	var paths []string
	seen := map[uint64]string{}
	for i, f := range files {
		from := len(s.Examples)
		if err := l.file(w, f); err != nil {
			return nil, err
		}
		s.Examples = append(s.Examples[:from], s.Report.Duplicates(s.Examples[from:], seen, o.Fix)...)
		s.Examples = append(s.Examples[:from], repeat(s.Examples[from:], f.Weight, o.Seed+uint64(i))...)
		paths = append(paths, f.Path)
	}
	if r.Stream {
		s.Examples = stream(s.Examples, max(o.Cutoff-1, 1))
	}
	s.Report.Rows = s.Rows
	if s.Report.Identical(l.answers); tok != nil && l.answers.Empty() {
		s.Report.Ends(s.Examples, tok.EOS())
	}
	s.Report.Settle()
	return s, s.finish(paths)
}

// file loads one file.
func (l *loader) file(w worker, f source.File) error {
	var err error
	if w.file, err = source.Open(f, l.meter); err != nil {
		return err
	}
	if w.options.OverLong == "" && w.file.Format() == "text" {
		w.options.OverLong = "split"
	}
	for out, err := range parallel(w.file.Records(), w.work) {
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
	return nil
}

// take adds an outcome to the set.
func (l *loader) take(out outcome) {
	s := l.set
	s.Rows++
	if out.bad != nil {
		if s.BadRows++; len(s.Bad) < 20 {
			s.Bad = append(s.Bad, out.bad.Error())
		}
		s.Report.Add("bad-row", "", "%v", out.bad)
		return
	}
	for _, m := range out.marks {
		s.Report.Add(m.Rule, out.source, "%s", m.Text)
	}
	for _, rule := range out.fixed {
		s.Report.CountFixed(rule)
	}
	if out.opening != 0 {
		out.dropped = out.dropped || l.opened[out.opening]
		out.cleaned = out.cleaned || out.dropped
		l.opened[out.opening] = true
	}
	if out.cleaned {
		s.Cleaned++
	}
	if out.dropped {
		return
	}
	if out.answer != 0 {
		l.answers.Add(out.answer, out.source)
	}
	if out.length > s.Cutoff && s.Cutoff > 0 && len(out.examples) < 2 && !s.Stream {
		s.Report.Add("over-long", out.source, "%d tokens, max_seq_length is %d", out.length, s.Cutoff)
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
		s.Examples = append(s.Examples, l.arena.keep(e))
	}
}
