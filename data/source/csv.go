package source

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// separator returns what separates the cells of a header: a comma, or a semicolon or tab where it has no comma.
func separator(in *bufio.Reader) rune {
	head, _ := in.Peek(1 << 12)
	line, _, _ := strings.Cut(string(head), "\n")
	for _, comma := range []rune{',', ';', '\t'} {
		if strings.ContainsRune(line, comma) {
			return comma
		}
	}
	return ','
}

// cutCSV reads rows of text under a header.
func cutCSV(path string, in io.Reader, comma rune, put func(Record) bool) error {
	r := csv.NewReader(in)
	r.Comma, r.ReuseRecord, r.LazyQuotes = comma, true, false
	header, err := r.Read()
	if err == io.EOF {
		return nil
	} else if err != nil {
		return fmt.Errorf("read %s: broken CSV: %w", path, err)
	}
	header = append([]string(nil), header...)
	for i := range header {
		header[i] = strings.TrimSpace(header[i])
	}
	for {
		cells, err := r.Read()
		if err == io.EOF {
			return nil
		}
		out := Record{fields: make(map[string]json.RawMessage, len(header))}
		var wrong *csv.ParseError
		if errors.As(err, &wrong) {
			out.line = wrong.StartLine
			out.err = fmt.Errorf("broken CSV: %w", wrong.Err)
			if wrong.Err == csv.ErrFieldCount {
				out.err = fmt.Errorf("broken CSV: %d cells under a header of %d", len(cells), len(header))
			}
		} else if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		} else {
			out.line, _ = r.FieldPos(0)
			for i, cell := range cells {
				out.fields[header[i]] = quote(cell)
			}
		}
		if !put(out) {
			return errStopped
		}
	}
}

// quote returns a text as JSON.
func quote(text string) json.RawMessage {
	raw, _ := json.Marshal(text) // a string always marshals
	return raw
}
