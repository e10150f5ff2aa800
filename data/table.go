package data

import (
	"bufio"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
)

// cutCSV reads rows of text under a header.
func cutCSV(path string, in io.Reader, comma rune, put func(record) bool) error {
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
		out := record{fields: make(map[string]json.RawMessage, len(header))}
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

// quote is a text as JSON.
func quote(text string) json.RawMessage {
	raw, _ := json.Marshal(text) // a string always marshals
	return raw
}

// cutParquet reads the rows of a parquet file; a record's line is its row.
func cutParquet(path string, f *os.File, m *meter, put func(record) bool) (err error) {
	defer func() { // a broken file can make the library panic
		if r := recover(); r != nil {
			err = fmt.Errorf("read %s: broken parquet: %v", path, r)
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if info.Size() == 0 {
		return nil
	}
	if err := checkFooter(f, info.Size()); err != nil {
		return fmt.Errorf("read %s: broken parquet: %w", path, err)
	}
	file, err := parquet.OpenFile(f, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return fmt.Errorf("read %s: broken parquet: %w", path, err)
	}
	r := parquet.NewGenericReader[map[string]any](file, file.Schema())
	defer r.Close()
	rows := make([]map[string]any, 64)
	for line := 1; ; {
		for i := range rows {
			rows[i] = map[string]any{}
		}
		n, err := r.Read(rows)
		for _, row := range rows[:n] {
			out := record{line: line, fields: make(map[string]json.RawMessage, len(row))}
			for name, value := range row {
				raw, err := json.Marshal(plainValue(value))
				if err != nil {
					out.err = fmt.Errorf("column %q: %w", name, err)
				}
				out.fields[name] = raw
			}
			if !put(out) {
				return errStopped
			}
			line++
		}
		m.count(int64(float64(info.Size()) * float64(n) / float64(max(r.NumRows(), 1))))
		if err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("read %s:%d: broken parquet: %w", path, line, err)
		}
	}
}

// checkFooter refuses a file whose last eight bytes, the footer's length and
// "PAR1", promise more than there is: the library would make room for it.
func checkFooter(f io.ReaderAt, size int64) error {
	var end [8]byte
	if size < 12 {
		return io.ErrUnexpectedEOF
	}
	if _, err := f.ReadAt(end[:], size-8); err != nil {
		return err
	}
	if n := int64(binary.LittleEndian.Uint32(end[:])); n > size-12 {
		return fmt.Errorf("its footer has %d bytes, more than the file's %d", n, size)
	}
	return nil
}

// plainValue turns bytes into text, all the way down.
func plainValue(v any) any {
	switch v := v.(type) {
	case []byte:
		return string(v)
	case []any:
		for i := range v {
			v[i] = plainValue(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = plainValue(v[k])
		}
	}
	return v
}

// textChunk is about how many bytes of a plain text are one record.
const textChunk = 1 << 15

// cutText reads a plain text in pieces that end where a line does.
func cutText(path string, in *bufio.Reader, put func(record) bool) error {
	var piece strings.Builder
	begin, line := 1, 1
	flush := func() bool {
		text := piece.String()
		piece.Reset()
		r := record{line: begin, fields: map[string]json.RawMessage{"text": quote(text)}}
		if !utf8.ValidString(text) {
			r.err = errors.New("the text is not UTF-8")
		}
		begin = line
		return strings.TrimSpace(text) == "" || put(r)
	}
	for {
		part, err := in.ReadSlice('\n')
		piece.Write(part)
		if err == nil {
			line++
		}
		if err != nil && err != bufio.ErrBufferFull && err != io.EOF {
			return fmt.Errorf("read %s:%d: %w", path, line, err)
		}
		if piece.Len() >= textChunk && err == nil || err == io.EOF {
			if !flush() {
				return errStopped
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}
