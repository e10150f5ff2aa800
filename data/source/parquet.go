package source

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// cutParquet reads the rows of a parquet file of so many bytes; a record's line is its row.
func cutParquet(path string, f io.ReaderAt, size int64, m *Meter, put func(Record) bool) (err error) {
	defer func() { // the library panics on some broken files
		if r := recover(); r != nil {
			err = fmt.Errorf("read %s: broken parquet: %v", path, r)
		}
	}()
	if size == 0 {
		return nil
	}
	if err := checkFooter(f, size); err != nil {
		return fmt.Errorf("read %s: broken parquet: %w", path, err)
	}
	file, err := parquet.OpenFile(f, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return fmt.Errorf("read %s: broken parquet: %w", path, err)
	}
	if err := checkPages(f, size, file.Metadata().RowGroups); err != nil {
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
			out := Record{line: line, fields: make(map[string]json.RawMessage, len(row))}
			for _, name := range slices.Sorted(maps.Keys(row)) {
				raw, err := json.Marshal(plainValue(row[name]))
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
		m.count(int64(float64(size) * float64(n) / float64(max(r.NumRows(), 1))))
		if err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("read %s:%d: broken parquet: %w", path, line, err)
		}
	}
}

// checkFooter refuses a file whose last eight bytes, the footer's length and
// "PAR1", name more bytes than there are: the library would allocate them.
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

// plainValue turns bytes into text, in lists and maps too.
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
