package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// containers are the keys of an object that holds the rows of a file, {"data": [{…}, …]}.
var containers = []string{"data", "train", "rows", "examples", "records"}

// preamble is the number of bytes in which the rows of such an object must begin.
const preamble = 1 << 16

// container steps into the list of rows of an object that holds nothing else of use, and reports whether there is one.
// An object whose list has messages is itself a row.
func (s *scanner) container() (key string, ok bool) {
	head, _ := s.in.Peek(preamble)
	d := json.NewDecoder(bytes.NewReader(head))
	if _, err := d.Token(); err != nil {
		return "", false
	}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return "", false
		}
		key, _ = token.(string)
		rest := bytes.TrimLeft(head[d.InputOffset():], " \t\r\n:")
		if slices.Contains(containers, key) && len(rest) > 0 && rest[0] == '[' && beginsRows(rest[1:]) {
			at := len(head) - len(rest) + 1
			s.line += bytes.Count(head[:at], []byte("\n"))
			s.in.Discard(at)
			return key, true
		}
		var skipped json.RawMessage
		if d.Decode(&skipped) != nil {
			return "", false
		}
	}
	return "", false
}

// beginsRows reports whether the text behind a bracket is an object that is no message.
func beginsRows(text []byte) bool {
	d := json.NewDecoder(bytes.NewReader(text))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return false
	}
	token, err := d.Token()
	key, isKey := token.(string)
	return err == nil && isKey && !slices.Contains([]string{"role", "from", "speaker", "author", "value", "content"}, key)
}

// containerEnd reads an object behind its list of rows. Another list of objects is an error.
func (s *scanner) containerEnd(key string) error {
	d := json.NewDecoder(io.MultiReader(bytes.NewReader([]byte(`{"":0`)), s.in))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return fmt.Errorf("broken JSON: %w", err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return fmt.Errorf("broken JSON: %w", err)
		}
		if isList(value) && beginsRows(value[1:]) {
			return fmt.Errorf("the rows of %q are read, but there is also a list %q: put it into a file of its own", key, token)
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("broken JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("broken JSON: text behind the object with the rows of %q", key)
	}
	return nil
}
