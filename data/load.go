package data

import "slices"

// Options say how files become examples.
type Options struct {
	Format   string            // one of Formats; "": auto
	Columns  map[string]string // what a format calls a field → what the file calls it
	Cutoff   int               // tokens; 0: the recipe's
	OverLong string            // truncate, drop, truncate_prompt, split or error; "": truncate, for plain texts split
	TrainOn  string            // recipe, assistant, last_turn, completion or all; "": recipe
	OnBadRow string            // stop or skip; "": stop

	ParseSpecials *bool                         // whether names of control tokens in the data become them; nil: as the recipe
	Clean         bool                          // clean shared conversations as FastChat did for Vicuna; a conversation seen before is left out
	Fix           bool                          // repair what can be repaired safely
	Seed          uint64                        // decides which rows a set with a fractional weight gives
	Cache         string                        // a directory for encoded sets; "": none
	Progress      func(rows int, share float64) // called now and then, with the rows read so far and the share of the bytes
}

// File is one of the files of a data set, with what differs from Options.
type File struct {
	Path    string
	Format  string
	Columns map[string]string
	Weight  float64 // how often an epoch sees each of its rows; 0: once
}

// Load reads and encodes files.
func Load(tok Tokenizer, r Recipe, paths []string, o Options) (*Set, error) {
	files := make([]File, len(paths))
	for i, path := range paths {
		files[i] = File{Path: path, Format: o.Format, Columns: o.Columns}
	}
	return LoadFiles(tok, r, files, o)
}

// LoadFiles reads and encodes files that differ in format or weight. A path
// may be a pattern.
func LoadFiles(tok Tokenizer, r Recipe, files []File, o Options) (*Set, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	files, err := expand(files)
	if err != nil {
		return nil, err
	}
	if o.Cutoff == 0 {
		o.Cutoff = r.Cutoff
	}
	if o.ParseSpecials != nil {
		r.Specials = *o.ParseSpecials
	}
	r = r.trainOn(o.TrainOn)
	if o.Cache != "" {
		return cached(tok, r, files, o)
	}
	return load(tok, r, files, o)
}

// load encodes what expand found.
func load(tok Tokenizer, r Recipe, files []File, o Options) (*Set, error) {
	s := &Set{Cutoff: o.Cutoff, Stream: r.Stream, arena: &arena{dir: o.Cache}, answers: map[uint64]int{}, asked: map[uint64]string{}, opened: map[uint64]bool{}}
	var paths []string
	seen, m := map[uint64]string{}, newMeter(files)
	for i, f := range files {
		from := len(s.Examples)
		if err := s.load(&encoder{tok: tok, recipe: r}, f, o, m); err != nil {
			return nil, err
		}
		s.Examples = append(s.Examples[:from], s.Report.duplicates(s.Examples[from:], seen, o.Fix)...)
		s.Examples = append(s.Examples[:from], weigh(s.Examples[from:], f.Weight, o.Seed+uint64(i))...)
		paths = append(paths, f.Path)
	}
	if r.Stream {
		s.Examples = Stream(s.Examples, max(o.Cutoff-1, 1))
	}
	s.lint(tok)
	return s, s.finish(paths)
}

// check refuses values that mean nothing.
func (o Options) check() error {
	for _, v := range []struct {
		what, value string
		allowed     []string
	}{
		{"over_long", o.OverLong, overLong}, {"train_on", o.TrainOn, trainOn}, {"on_bad_row", o.OnBadRow, []string{"stop", "skip"}},
		{"dataset format", o.Format, Formats()},
	} {
		if v.value != "" && !slices.Contains(v.allowed, v.value) {
			return unknown(v.what, v.value, v.allowed)
		}
	}
	return nil
}

// outcome is what became of a record.
type outcome struct {
	examples []Example
	length   int // uncut
	bad      error
	fatal    error

	source  string
	marks   []mark
	fixed   []string // rules
	left    bool     // the record was left out
	cleaned bool     // because it is of no use
	opening uint64   // a hash of the first two turns
	fused   bool
	answer  uint64 // a hash of what the assistant says
}

// load appends a file.
func (s *Set) load(e *encoder, f File, o Options, m *meter) error {
	w := worker{encoder: e, columns: f.Columns, cutoff: o.Cutoff, overLong: o.OverLong, trainOn: o.TrainOn, fix: o.Fix, clean: o.Clean}
	var err error
	if f.Format == "" || f.Format == "auto" {
		w.format, err = detect(f.Path, f.Columns)
	} else {
		w.format, err = findFormat(f.Format)
	}
	if err != nil {
		return err
	}
	if w.overLong == "" && w.format.name == "text" {
		w.overLong = "split"
	}
	for out, err := range parallel(records(f.Path, m), w.work) {
		switch {
		case err != nil:
			return err
		case out.fatal != nil:
			return out.fatal
		case out.bad != nil && o.OnBadRow != "skip":
			return out.bad
		}
		s.take(out)
		if o.Progress != nil && s.Rows%batchSize == 0 {
			o.Progress(s.Rows, m.share())
		}
	}
	return nil
}
