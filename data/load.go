package data

import (
	"cmp"
	"slices"

	"fettle/data/encode"
	"fettle/data/recipe"
	"fettle/data/source"
	"fettle/internal/suggest"
)

// Options configures loading.
type Options struct {
	Format   string            // of files that name none: one of source.Formats; "": auto
	Columns  map[string]string // of files that name none: a format's name of a field → the file's
	Cutoff   int               // tokens of the longest example; 0: the recipe's
	OverLong string            // one of encode.Policies; "": truncate, of plain texts split
	TrainOn  string            // one of recipe.TrainOn; "": recipe
	OnBadRow string            // stop or skip; "": stop

	// ParseSpecials overrides the recipe's Specials: whether names of control tokens
	// in the data become the tokens.
	ParseSpecials *bool

	// Clean cleans shared conversations as FastChat did for Vicuna: see data/clean. A
	// conversation whose first two turns were seen before is dropped, and so is a row
	// with "plugins".
	Clean bool

	Fix   bool   // repair what lint.Repair can, drop duplicates
	Seed  uint64 // selects the rows of a fractional weight
	Cache string // directory of encoded sets; "": none

	// Progress is called now and then with the rows read so far and the share of the
	// bytes.
	Progress func(rows int, share float64) `json:"-"`
}

// Load reads and encodes files, which may differ in format and weight. A path may be
// a pattern.
func Load(tok encode.Tokenizer, r recipe.Recipe, files []source.File, o Options) (*Set, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	files, err := source.Expand(files)
	if err != nil {
		return nil, err
	}
	for i, f := range files {
		files[i].Format, files[i].Columns = cmp.Or(f.Format, o.Format), f.Columns
		if f.Columns == nil {
			files[i].Columns = o.Columns
		}
	}
	if o.Cutoff == 0 {
		o.Cutoff = r.Cutoff
	}
	if o.ParseSpecials != nil {
		r.Specials = *o.ParseSpecials
	}
	r = r.TrainOn(o.TrainOn)
	if o.Cache != "" {
		return cached(tok, r, files, o)
	}
	return load(tok, r, files, o)
}

// check refuses unknown values.
func (o Options) check() error {
	for _, v := range []struct {
		what, value string
		allowed     []string
	}{
		{"over_long", o.OverLong, encode.Policies()},
		{"train_on", o.TrainOn, recipe.TrainOn()},
		{"on_bad_row", o.OnBadRow, []string{"stop", "skip"}},
		{"dataset format", o.Format, source.Formats()},
	} {
		if v.value != "" && !slices.Contains(v.allowed, v.value) {
			return suggest.Unknown(v.what, v.value, v.allowed)
		}
	}
	return nil
}
