package source

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
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
	bounded := &boundedReader{in: in, left: longestRecord}
	r := csv.NewReader(bounded)
	r.Comma, r.ReuseRecord, r.LazyQuotes = comma, true, false
	header, err := r.Read()
	if err == io.EOF {
		return nil
	} else if err != nil {
		return fmt.Errorf("read %s: broken CSV: %w", path, err)
	}
	header = append([]string(nil), header...)
	seen := map[string]bool{}
	for i := range header {
		header[i] = strings.TrimSpace(header[i])
		if seen[header[i]] {
			return fmt.Errorf("read %s:1: two columns are called %q", path, header[i])
		}
		seen[header[i]] = header[i] != ""
	}
	for {
		bounded.left = longestRecord
		cells, err := r.Read()
		if err == io.EOF {
			return nil
		}
		out := Record{fields: make(map[string]json.RawMessage, len(header))}
		var wrong *csv.ParseError
		if errors.As(err, &wrong) {
			out.line = wrong.StartLine
			out.err = errors.New("broken CSV: a quote is not closed, or stands inside a text, where it is written twice")
			if wrong.Err == csv.ErrFieldCount {
				out.err = fmt.Errorf("broken CSV: %d cells under a header of %d: a text with a comma stands in quotes",
					len(cells), len(header))
			}
		} else if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		} else {
			out.line, _ = r.FieldPos(0)
			for i, cell := range cells {
				if out.fields[header[i]] = cellValue(cell); printedMessages.MatchString(cell) {
					out.err = fmt.Errorf("%q holds a list as Python prints it: write the rows as JSON lines instead, "+
						"in pandas to_json(path, orient=\"records\", lines=True)", header[i])
				}
			}
		}
		if !put(out) {
			return errStopped
		}
	}
}

// boundedReader ends a record that is too long.
type boundedReader struct {
	in   io.Reader
	left int
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("a row is longer than 32 MiB; is a quote missing at the end of a cell?")
	}
	n, err := b.in.Read(p)
	b.left -= n
	return n, err
}

// printedMessages matches a list of messages as Python, or NumPy, prints it.
var printedMessages = regexp.MustCompile(`^\s*\[\s*\{'(?:role|from|content|value)': `)

// cellValue returns the list of messages that a cell holds, otherwise its text.
func cellValue(cell string) json.RawMessage {
	var list []map[string]json.RawMessage
	if !strings.HasPrefix(strings.TrimSpace(cell), "[") || json.Unmarshal([]byte(cell), &list) != nil || len(list) == 0 {
		return quote(cell)
	}
	for _, m := range list {
		if m["role"] == nil && m["from"] == nil {
			return quote(cell)
		}
	}
	return json.RawMessage(strings.TrimSpace(cell))
}

// quote returns a text as JSON.
func quote(text string) json.RawMessage {
	raw, _ := json.Marshal(text) // a string always marshals
	return raw
}
