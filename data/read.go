package data

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sort"
	"strings"
)

// Row is one record of a data set, and where it stands.
type Row struct {
	Fields map[string]json.RawMessage
	Source string // file:line
}

// ErrEmpty is a data set without a record.
var ErrEmpty = errors.New("the data set is empty")

// Rows reads the objects of a file one by one: a JSON array of objects or one
// object after another (JSON lines), plain or gzipped (.gz). An error names
// file and line and ends the sequence.
func Rows(path string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(Row{}, fmt.Errorf("read data set: %w", err))
			return
		}
		defer f.Close()
		var in io.Reader = f
		if strings.HasSuffix(path, ".gz") {
			if in, err = gzip.NewReader(f); err != nil {
				yield(Row{}, fmt.Errorf("read %s: %w", path, err))
				return
			}
		}
		rows(path, in, yield)
	}
}

// rows decodes objects from in; path is for messages.
func rows(path string, in io.Reader, yield func(Row, error) bool) {
	buffered := bufio.NewReaderSize(in, 1<<16)
	if mark, _ := buffered.Peek(3); bytes.Equal(mark, []byte("\ufeff")) {
		buffered.Discard(3)
	}
	lines := &lineReader{in: buffered}
	d := json.NewDecoder(lines)
	fail := func(at int64, err error) {
		yield(Row{}, fmt.Errorf("read %s:%d: %w", path, lines.line(at), err))
	}
	array, err := opens(d, buffered)
	if err != nil {
		fail(d.InputOffset(), err)
		return
	}
	count := 0
	for !array || d.More() {
		var raw json.RawMessage
		before := d.InputOffset()
		err := d.Decode(&raw)
		if err == io.EOF && !array {
			break
		}
		at := d.InputOffset() - int64(len(raw))
		if err != nil {
			fail(errorOffset(err, before), plain(err))
			return
		}
		row := Row{Source: fmt.Sprintf("%s:%d", path, lines.line(at))}
		if err := json.Unmarshal(raw, &row.Fields); err != nil || row.Fields == nil {
			fail(at, fmt.Errorf("want an object {…}, got %.40s", raw))
			return
		}
		count++
		if !yield(row, nil) {
			return
		}
	}
	if array {
		if _, err := d.Token(); err != nil {
			fail(d.InputOffset(), plain(err))
			return
		}
	}
	if count == 0 {
		yield(Row{}, fmt.Errorf("read %s: %w", path, ErrEmpty))
	}
}

// opens reports whether the input begins an array, and steps into it.
func opens(d *json.Decoder, in *bufio.Reader) (bool, error) {
	for n := 1; ; n++ {
		b, err := in.Peek(n)
		if err != nil {
			return false, nil // nothing but space: Decode will see
		}
		if c := b[n-1]; c == '[' {
			_, err := d.Token()
			return true, err
		} else if !strings.ContainsRune(" \t\r\n", rune(c)) {
			return false, nil
		}
	}
}

// plain takes package names out of a JSON error's text.
func plain(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errors.New("the file ends in the middle of a record")
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("broken JSON: %s", syntax.Error())
	}
	return err
}

// errorOffset is where an error happened.
func errorOffset(err error, otherwise int64) int64 {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && syntax.Offset > 0 {
		return max(syntax.Offset-1, 0)
	}
	return otherwise
}

// lineReader remembers where lines end, to tell the line of an offset.
type lineReader struct {
	in   io.Reader
	read int64
	ends []int64
}

// Read passes through.
func (l *lineReader) Read(p []byte) (int, error) {
	n, err := l.in.Read(p)
	for i, c := range p[:n] {
		if c == '\n' {
			l.ends = append(l.ends, l.read+int64(i))
		}
	}
	l.read += int64(n)
	return n, err
}

// line is the number, from 1, of the line that offset is on.
func (l *lineReader) line(offset int64) int {
	return 1 + sort.Search(len(l.ends), func(i int) bool { return l.ends[i] >= offset })
}
