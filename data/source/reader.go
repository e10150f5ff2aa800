// Package source reads data sets: files of any layout (a JSON array, JSON lines,
// CSV, parquet, plain text; compressed or not) become records, and records of any
// format (alpaca, sharegpt, prompt and completion, …) become conversations.
package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"

	"fettle/data/encode"
	"fettle/data/recipe"
)

// ErrEmpty is returned for a data set without a record.
var ErrEmpty = errors.New("the data set is empty")

// Reader reads the records of a file whose format is known. Its methods are safe
// for concurrent use.
type Reader struct {
	file   File
	format format
	meter  *Meter
}

// Open opens a file and, where the file's format is not given, finds it by the
// first good record. m counts the bytes read; it may be nil.
func Open(f File, m *Meter) (*Reader, error) {
	r := &Reader{file: f, meter: m}
	var err error
	if f.Format == "" || f.Format == "auto" {
		r.format, err = detect(f.Path, f.Columns)
	} else {
		r.format, err = findFormat(f.Format)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Format returns the name of the file's format.
func (r *Reader) Format() string { return r.format.name }

// Records cuts the file into records, in order. Memory does not grow with the
// file. An error names file and line and ends the sequence.
func (r *Reader) Records() iter.Seq2[Record, error] { return records(r.file.Path, r.meter) }

// Conversation reads a row of any format but "tokenized".
func (r *Reader) Conversation(row Row) (recipe.Conversation, error) {
	return r.format.read(fields{row, r.file.Columns})
}

// Example reads a row of the format "tokenized": {"input_ids", "labels"}.
// Without labels every token is learned.
func (r *Reader) Example(row Row) (encode.Example, error) {
	return readTokenized(fields{row, r.file.Columns})
}

// Row is one record of a data set with its position in the files.
type Row struct {
	Fields map[string]json.RawMessage
	Source string // file:line; the row's number instead where a file has no lines
}

// Has reports whether a row has a field that is not null.
func (r Row) Has(key string) bool {
	raw, ok := r.Fields[key]
	return ok && !bytes.Equal(raw, []byte("null"))
}
