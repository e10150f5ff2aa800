package source

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"fettle/internal/identify"
	"fettle/internal/readfile"
)

// Record is a row before parsing: files are cut into records in order, and
// records are parsed in parallel.
type Record struct {
	raw    []byte // JSON; nil: fields holds the row
	fields map[string]json.RawMessage
	path   string
	line   int
	nth    int   // its number among the records that begin on this line, from 1
	err    error // why it cannot be read; the records behind it still can
}

// Size returns the number of its bytes.
func (r Record) Size() int {
	n := len(r.raw)
	for name, value := range r.fields {
		n += len(name) + len(value)
	}
	return n
}

// records cuts a file into records. Memory does not grow with the file. m, if not
// nil, counts the bytes.
func records(path string, m *Meter) iter.Seq2[Record, error] { return cutRecords(path, m, cutText) }

// cutter cuts a plain text into records.
type cutter func(path string, in *bufio.Reader, put func(Record) bool) error

// cutRecords is records with a cutter for plain texts.
func cutRecords(path string, m *Meter, prose cutter) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		count := 0
		line, nth := 0, 0
		err := cutFile(path, m, prose, func(r Record) bool {
			count++
			if nth++; r.line != line {
				line, nth = r.line, 1
			}
			r.path, r.nth = path, nth
			return yield(r, nil)
		})
		if err == nil && count == 0 {
			err = fmt.Errorf("read %s: %w", path, ErrEmpty)
		}
		if err != nil && err != errStopped {
			yield(Record{}, err)
		}
	}
}

// errStopped ends the cutting of a file whose records are not wanted any more.
var errStopped = errors.New("stopped")

// missing is the explanation of a file that is not there.
type missing string

func (m missing) Error() string { return string(m) }

// Is makes missing count as fs.ErrNotExist.
func (missing) Is(target error) bool { return target == fs.ErrNotExist }

// cutFile calls put with every record of a file until it returns false.
func cutFile(path string, m *Meter, prose cutter, put func(Record) bool) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("read data set: %w", directoryError(path))
	}
	f, err := readfile.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read data set: %w", missing(identify.Absent(path, true)))
	}
	if err != nil {
		return fmt.Errorf("read data set: %w", err)
	}
	defer f.Close()
	extension := strings.ToLower(filepath.Ext(strings.TrimSuffix(strings.TrimSuffix(path, ".gz"), ".bz2")))
	switch extension {
	case ".arrow", ".feather":
		return fmt.Errorf("read %s: it is %s, not a data set: %s", path, identify.Arrow, advice(identify.Arrow))
	case ".parquet":
		var head [headBytes]byte
		n, _ := f.ReadAt(head[:], 0)
		if err := refuseForeign(head[:n], true); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		info, err := f.Stat()
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		return cutParquet(path, f, info.Size(), m, put)
	}
	in, err := plainText(m.watch(f))
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	head, _ := in.Peek(headBytes)
	if err := refuseForeign(head, extension == ".txt" || extension == ".md"); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return fmt.Errorf("read %s: it is not text, or UTF-16 without a byte-order mark: want JSON, JSON lines, CSV, TSV "+
			"or text in UTF-8, or a parquet file", path)
	}
	switch extension {
	case ".csv":
		return cutCSV(path, in, separator(in), put)
	case ".tsv":
		return cutCSV(path, in, '\t', put)
	case ".txt", ".md":
		return prose(path, in, put)
	}
	return cutJSON(path, in, put)
}

// plainText decompresses, and decodes what a byte-order mark says.
func plainText(f io.Reader) (*bufio.Reader, error) {
	in := bufio.NewReaderSize(f, 1<<17)
	magic, _ := in.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		in = bufio.NewReaderSize(z, 1<<17)
	case bytes.HasPrefix(magic, []byte("BZh")):
		in = bufio.NewReaderSize(bzip2.NewReader(in), 1<<17)
	}
	mark, _ := in.Peek(3)
	switch {
	case bytes.Equal(mark, []byte("\ufeff")):
		in.Discard(3)
	case bytes.HasPrefix(mark, []byte{0xff, 0xfe}):
		in.Discard(2)
		in = bufio.NewReaderSize(&utf16Reader{in: in, order: binary.LittleEndian}, 1<<17)
	case bytes.HasPrefix(mark, []byte{0xfe, 0xff}):
		in.Discard(2)
		in = bufio.NewReaderSize(&utf16Reader{in: in, order: binary.BigEndian}, 1<<17)
	}
	return in, nil
}

// Source returns file:line, with the record's number if the line has several.
func (r Record) Source() string {
	source := r.path + ":" + strconv.Itoa(r.line)
	if r.nth > 1 {
		source += " (record " + strconv.Itoa(r.nth) + ")"
	}
	return source
}

// Row parses a record.
func (r Record) Row() (Row, error) {
	if r.err != nil {
		return Row{}, fmt.Errorf("read %s: %w", r.Source(), r.err)
	}
	row := Row{Fields: r.fields, Source: r.Source()}
	if r.raw == nil {
		return row, nil
	}
	if r.raw[0] == '"' { // a text by itself
		row.Fields = map[string]json.RawMessage{"text": r.raw}
		var text string
		return row, r.broken(json.Unmarshal(r.raw, &text))
	}
	err := json.Unmarshal(r.raw, &row.Fields)
	if err != nil && bytes.Contains(r.raw, []byte("NaN")) {
		row.Fields = nil
		err = json.Unmarshal(nanAsNull(r.raw), &row.Fields)
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) || err == nil && row.Fields == nil {
		return row, fmt.Errorf("read %s: want an object {…}, got %.40q", r.Source(), r.raw)
	}
	return row, r.broken(err)
}

// nanAsNull replaces NaN outside of texts, Python's way of writing a missing value, by null.
func nanAsNull(raw []byte) []byte {
	var out []byte
	inText := false
	for i := 0; i < len(raw); i++ {
		switch {
		case inText && raw[i] == '\\' && i+1 < len(raw):
			out = append(out, raw[i])
			i++
		case raw[i] == '"':
			inText = !inText
		case !inText && bytes.HasPrefix(raw[i:], []byte("NaN")):
			out = append(out, "null"...)
			i += len("NaN") - 1
			continue
		}
		out = append(out, raw[i])
	}
	return out
}

// broken adds the line to a JSON error.
func (r Record) broken(err error) error {
	if err == nil {
		return nil
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		upTo := max(0, min(int(syntax.Offset)-1, len(r.raw)))
		r.line += bytes.Count(r.raw[:upTo], []byte("\n"))
	}
	return fmt.Errorf("read %s: broken JSON: %w", r.Source(), err)
}
