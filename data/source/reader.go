// Package source reads data sets: files of any layout (a JSON array, JSON lines, CSV, parquet, plain text; compressed
// or not) become records, and records of any format (alpaca, sharegpt, prompt and completion, …) become
// conversations. docs/DATA.md lists the fields that are read.
package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync/atomic"

	"fettle/data/encode"
	"fettle/data/recipe"
	"fettle/internal/suggest"
)

// ErrEmpty is returned for a data set without a record.
var ErrEmpty = errors.New("the data set is empty")

// Reader reads the records of a file whose format is known. Its methods are safe for concurrent use.
type Reader struct {
	file   File
	format format
	schema schema
	found  map[string]*atomic.Bool // by meaning: a row, or a message, has what Columns names
	meter  *Meter
}

// Open opens a file and, where the file's format is not given, finds it by the first good record. m counts the bytes
// read; it may be nil.
func Open(f File, m *Meter) (*Reader, error) {
	r := &Reader{file: f, meter: m, found: map[string]*atomic.Bool{}}
	inner := &schema{columns: map[string]string{}, tags: f.Tags, found: r.found}
	r.schema = schema{columns: map[string]string{}, only: f.Only, except: f.Except, found: r.found, message: inner}
	if f.Entry != "" && !f.Only {
		r.schema.first = r.infoNames()
	}
	columns, err := canonical(f.Columns)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Path, err)
	}
	for meaning, theirs := range columns {
		if ofMessages(meaning) {
			inner.columns[meaning] = theirs
		} else {
			r.schema.columns[meaning] = theirs
		}
		if !ofMessages(meaning) || f.Entry == "" { // not every conversation has all of dataset_info.json's roles
			r.found[meaning] = &atomic.Bool{}
		}
	}
	if f.Format == "" || f.Format == "auto" {
		r.format, err = r.detect()
	} else {
		r.format, err = findFormat(f.Format)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// ofMessages reports whether a meaning is a message's, not a row's.
func ofMessages(name string) bool {
	of := func(m meaning) bool { return m.name == name }
	return slices.Contains(roleColumns, name) ||
		slices.ContainsFunc(messageFields, of) && !slices.ContainsFunc(rowFields, of)
}

// Format returns the name of the file's format.
func (r *Reader) Format() string { return r.format.name }

// Records cuts the file into records, in order. Memory does not grow with the file. An error names file and line and
// ends the sequence.
func (r *Reader) Records() iter.Seq2[Record, error] { return records(r.file.Path, r.meter) }

// Count returns the number of the file's records.
func (r *Reader) Count() (n int, err error) {
	for _, err := range records(r.file.Path, nil) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// fields gives access to a row.
func (r *Reader) fields(row Row) fields {
	return fields{Row: row, schema: r.schema, table: rowFields, notes: &notes{read: map[string]bool{}}}
}

// Conversation reads a row of any format but "tokenized", and tells which of its fields were read.
func (r *Reader) Conversation(row Row) (recipe.Conversation, Use, error) {
	f := r.fields(row)
	f.see()
	if err := f.refuseMedia(); err != nil {
		return recipe.Conversation{}, Use{}, err
	}
	c, err := r.format.read(f)
	if err != nil {
		return c, Use{}, err
	}
	return c, f.use(), nil
}

// Columns returns the file's names of fields by their meaning, those that Absent looks for.
func (r *Reader) Columns() map[string]string {
	all := maps.Clone(r.schema.columns)
	for meaning := range r.found {
		if theirs, ok := r.schema.message.columns[meaning]; ok {
			all[meaning] = theirs
		}
	}
	return all
}

// Absent lists the meanings whose columns are in none of the rows and messages that Conversation has seen.
func (r *Reader) Absent() (meanings []string) {
	for _, meaning := range slices.Sorted(maps.Keys(r.found)) {
		if !r.found[meaning].Load() {
			meanings = append(meanings, meaning)
		}
	}
	return meanings
}

// AbsentError returns the error for a column that no row has.
func (r *Reader) AbsentError(meaning string) error {
	column, what := r.Columns()[meaning], "row has the field"
	switch {
	case slices.Contains(roleColumns, meaning):
		what = "message has the role"
	case ofMessages(meaning):
		what = "message has the field"
	}
	near := ""
	if !ofMessages(meaning) {
		near = suggest.DidYouMean(column, r.keys(), "")
	}
	return fmt.Errorf("read %s: no %s %q, which %s as %q%s", r.file.Path, what, column, r.file.mapper(), meaning, near)
}

// infoNames returns the names that LLaMA-Factory reads without columns, those that the first rows have, by meaning.
func (r *Reader) infoNames() map[string]string {
	first := map[string]string{}
	keys := r.keys()
	for name, ours := range map[string]string{
		"instruction": "instruction", "input": "input", "output": "output", "conversations": "messages",
	} {
		if slices.Contains(keys, name) {
			first[ours] = name
		}
	}
	return first
}

// keys lists the fields of the first rows.
func (r *Reader) keys() (keys []string) {
	for rec := range records(r.file.Path, nil) {
		if row, err := rec.Row(); err == nil {
			keys = append(keys, slices.Sorted(maps.Keys(row.Fields))...)
		}
		if len(keys) > 1000 {
			break
		}
	}
	return keys
}

// Example reads a row of the format "tokenized", and tells which of its fields were read.
func (r *Reader) Example(row Row) (encode.Example, Use, error) {
	f := r.fields(row)
	f.see()
	e, err := readTokenized(f)
	if err != nil {
		return e, Use{}, err
	}
	return e, f.use(), nil
}

// Row is one record of a data set with its position in the files.
type Row struct {
	Fields map[string]json.RawMessage
	Source string // file:line; the row's number instead where a file has no lines
}

// Has reports whether a row has a field that is not null.
func (r Row) Has(key string) bool {
	raw, ok := r.Fields[key]
	return ok && !isNull(raw)
}
