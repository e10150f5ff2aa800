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
	found  map[string]*atomic.Bool // by meaning: a row has the field that Columns names
	meter  *Meter
}

// Open opens a file and, where the file's format is not given, finds it by the first good record. m counts the bytes
// read; it may be nil.
func Open(f File, m *Meter) (*Reader, error) {
	r := &Reader{file: f, meter: m, found: map[string]*atomic.Bool{}}
	inner := &schema{columns: map[string]string{}, tags: f.Tags}
	r.schema = schema{columns: map[string]string{}, only: f.Only, except: f.Except, message: inner}
	columns, err := canonical(f.Columns)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Path, err)
	}
	for meaning, theirs := range columns {
		if ofMessages(meaning) {
			inner.columns[meaning] = theirs
			continue
		}
		r.schema.columns[meaning] = theirs
		r.found[meaning] = &atomic.Bool{}
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
	return slices.Contains(roleColumns, name) ||
		slices.ContainsFunc(messageFields, func(m meaning) bool { return m.name == name })
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
	for meaning, found := range r.found {
		if _, _, ok := row.find(r.schema.columns[meaning]); ok && !found.Load() {
			found.Store(true)
		}
	}
	if err := f.refuseMedia(); err != nil {
		return recipe.Conversation{}, Use{}, err
	}
	c, err := r.format.read(f)
	if err != nil {
		return c, Use{}, err
	}
	return c, f.use(), nil
}

// Columns returns the file's names of a row's fields by their meaning.
func (r *Reader) Columns() map[string]string { return r.schema.columns }

// Absent lists the meanings whose columns are in none of the rows that Conversation has seen.
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
	var keys []string
	for rec := range records(r.file.Path, nil) {
		if row, err := rec.Row(); err == nil {
			keys = append(keys, slices.Sorted(maps.Keys(row.Fields))...)
		}
		if len(keys) > 1000 {
			break
		}
	}
	column := r.schema.columns[meaning]
	return fmt.Errorf("read %s: no row has the field %q, which %s as %q%s", r.file.Path, column, r.file.mapper(), meaning,
		suggest.DidYouMean(column, keys, ""))
}

// Example reads a row of the format "tokenized": {"input_ids", "labels"}. Without labels every token is learned.
func (r *Reader) Example(row Row) (encode.Example, error) { return readTokenized(r.fields(row)) }

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
