package data

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
)

// Options say how files become examples.
type Options struct {
	Format   string            // one of Formats; "": auto
	Columns  map[string]string // what a format calls a field → what the file calls it
	Cutoff   int               // tokens; 0: the recipe's
	OverLong string            // truncate, drop, truncate_prompt, split or error; "": truncate, for plain texts split
	TrainOn  string            // recipe, assistant, last_turn, completion or all; "": recipe
	OnBadRow string            // stop or skip; "": stop

	ParseSpecials *bool          // whether names of control tokens in the data become them; nil: as the recipe
	Fix           bool           // repair what can be repaired safely
	Seed          uint64         // decides which rows a set with a fractional weight gives
	Cache         string         // a directory for encoded sets; "": none
	Progress      func(rows int) // called now and then, with the rows read so far
}

// File is one of the files of a data set, with what differs from Options.
type File struct {
	Path    string
	Format  string
	Columns map[string]string
	Weight  float64 // how often an epoch sees each of its rows; 0: once
}

// Set is a loaded data set and what there is to know about it.
type Set struct {
	Examples []Example
	Rows     int // read from the files
	Cut      int // rows longer than the cutoff, and shortened
	Dropped  int // rows longer than the cutoff, and left out
	Split    int // rows longer than the cutoff, and split
	BadRows  int // rows that could not be read, and were skipped
	Silent   int // among Examples, those without a learned token
	Tokens   int
	Learned  int
	Cutoff   int
	Lengths  []int32  // of the rows, uncut
	Bad      []string // what was wrong with the first bad rows
	Hash     string   // SHA-256 over tokens and labels
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
	return load(tok, r.trainOn(o.TrainOn), files, o)
}

// load encodes what expand found.
func load(tok Tokenizer, r Recipe, files []File, o Options) (*Set, error) {
	s := &Set{Cutoff: o.Cutoff}
	var paths []string
	for i, f := range files {
		from := len(s.Examples)
		if err := s.load(&encoder{tok: tok, recipe: r}, f, o); err != nil {
			return nil, err
		}
		s.Examples = append(s.Examples[:from], weigh(s.Examples[from:], f.Weight, o.Seed+uint64(i))...)
		paths = append(paths, f.Path)
	}
	if r.Stream {
		s.Examples = Stream(s.Examples, o.Cutoff)
	}
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
}

// load appends a file.
func (s *Set) load(e *encoder, f File, o Options) error {
	w := worker{encoder: e, columns: f.Columns, cutoff: o.Cutoff, overLong: o.OverLong, trainOn: o.TrainOn}
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
	for out, err := range parallel(records(f.Path), w.work) {
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
			o.Progress(s.Rows)
		}
	}
	return nil
}

// take counts an outcome.
func (s *Set) take(out outcome) {
	s.Rows++
	if out.bad != nil {
		if s.BadRows++; len(s.Bad) < 20 {
			s.Bad = append(s.Bad, out.bad.Error())
		}
		return
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
	s.Examples = append(s.Examples, out.examples...)
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
