package source

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// textChunk is the least number of bytes of a record of plain text.
const textChunk = 1 << 15

// cutText cuts a plain text into records at line ends.
func cutText(path string, in *bufio.Reader, put func(Record) bool) error {
	var piece strings.Builder
	begin, line := 1, 1
	flush := func() bool {
		text := piece.String()
		piece.Reset()
		r := Record{line: begin, fields: map[string]json.RawMessage{"text": quote(text)}}
		if !utf8.ValidString(text) {
			r.err = errors.New("the text is not UTF-8")
		}
		begin = line
		return strings.TrimSpace(text) == "" || put(r)
	}
	for {
		part, err := in.ReadSlice('\n')
		if piece.Write(part); piece.Len() > longestRecord {
			return fmt.Errorf("read %s:%d: a line is longer than 32 MiB; is this a text?", path, line)
		}
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
