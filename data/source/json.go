package source

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// cutJSON cuts a JSON array, one value after another (JSON lines), or an object with a list of rows, into objects and
// texts. It only counts brackets; Record.Row checks the JSON between them.
func cutJSON(path string, in *bufio.Reader, put func(Record) bool) error {
	s := &scanner{in: in, line: 1}
	fatal := func(err error) error { return fmt.Errorf("read %s:%d: %w", path, s.line, err) }
	array, wantComma, inside := false, false, ""
	for first := true; ; first = false {
		c, err := s.skipSpace()
		switch {
		case err == io.EOF && array:
			return fatal(errCutOff)
		case err == io.EOF:
			return nil
		case err != nil:
			return fatal(err)
		case c == '[' && first:
			array = true
			s.take()
			continue
		case c == '{' && first:
			if key, ok := s.container(); ok {
				array, inside = true, key
				continue
			}
		case array && c == ']' && inside != "":
			s.take()
			if err := s.containerEnd(inside); err != nil {
				return fatal(err)
			}
			return nil
		case array && c == ']':
			s.take()
			if _, err := s.skipSpace(); err != io.EOF {
				return fatal(errors.New("broken JSON: text behind the end of the array"))
			}
			return nil
		case array && c == ',' && wantComma:
			s.take()
			wantComma = false
			continue
		case array && (wantComma || c == ','):
			return fatal(fmt.Errorf("broken JSON: %q stands where a comma must part two records", c))
		}
		r := Record{line: s.line}
		if r.raw, err = s.value(c, array); err != nil {
			s.line = r.line
			return fatal(err)
		}
		if r.raw[0] != '{' && r.raw[0] != '"' {
			r.err = fmt.Errorf("want an object {…}, got %.40q", bytes.TrimSpace(r.raw))
		}
		if !put(r) {
			return errStopped
		}
		wantComma = true
	}
}

var (
	errCutOff  = errors.New("the file ends in the middle of a record")
	errTooLong = errors.New("a record is longer than 32 MiB; " +
		"is the file JSON with one record a line, or an array of records?")
)

// longestRecord bounds a record in bytes. Memory grows to a small multiple of the longest.
const longestRecord = 32 << 20

// scanner reads JSON values as bytes.
type scanner struct {
	in   *bufio.Reader
	line int // of the next byte
	buf  []byte
}

// take consumes a byte.
func (s *scanner) take() (byte, error) {
	c, err := s.in.ReadByte()
	if c == '\n' {
		s.line++
	}
	return c, err
}

// skipSpace returns the next byte that is not space, without consuming it.
func (s *scanner) skipSpace() (byte, error) {
	for {
		c, err := s.in.ReadByte()
		if err != nil {
			return 0, err
		}
		switch c {
		case '\n':
			s.line++
		case ' ', '\t', '\r':
		default:
			return c, s.in.UnreadByte()
		}
	}
}

// value reads the value that begins with c. Where brackets or quotes show that the
// value is broken, it ends, so that the records behind it can still be read.
func (s *scanner) value(c byte, array bool) ([]byte, error) {
	s.buf = s.buf[:0]
	if c != '{' && c != '[' && c != '"' {
		return s.scalar(array)
	}
	// last is the last byte outside of texts that is not space.
	depth, last, inText, escaped := 0, byte(0), false, false
	for {
		c, err := s.take()
		switch {
		case err == io.EOF:
			return nil, errCutOff
		case err != nil:
			return nil, err
		case len(s.buf) > longestRecord:
			return nil, errTooLong
		}
		if c == '{' && !inText && depth > 0 && !strings.ContainsRune("{[,:", rune(last)) {
			return bytes.Clone(s.buf), s.in.UnreadByte() // a new Record, and this one is not closed
		}
		s.buf = append(s.buf, c)
		switch {
		case inText && c == '\n': // a JSON text has no line breaks: its end is missing
			return bytes.Clone(s.buf), nil
		case inText && escaped:
			escaped = false
		case inText && c == '\\':
			escaped = true
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if inText || c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			continue
		}
		if last = c; depth <= 0 {
			return bytes.Clone(s.buf), nil
		}
	}
}

// scalar reads a number or a word: the rest of the line, in an array up to the next
// comma.
func (s *scanner) scalar(array bool) ([]byte, error) {
	for {
		next, err := s.in.Peek(1)
		if err == io.EOF || err == nil && (next[0] == '\n' || array && (next[0] == ',' || next[0] == ']')) {
			return bytes.Clone(s.buf), nil
		}
		if err != nil {
			return nil, err
		}
		c, _ := s.take()
		if len(s.buf) < 1<<10 {
			s.buf = append(s.buf, c)
		}
	}
}
