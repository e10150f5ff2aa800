package lineedit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"fettle/internal/readfile"
)

// Bounds of a history: a file that grows beyond twice the number of messages is cut when it is read.
const (
	mostMessages   = 1000
	longestMessage = 1 << 15 // longer ones, which were hardly typed, are kept for this session alone
)

// history keeps messages in a file, one a line, as JSON texts. It is what the editor calls a source.
type history struct {
	path     string
	messages []string
	whole    func(message string) string // the text of a message whose long pastes are not shown; nil: itself
}

// readHistory reads the newest messages of a file.
func readHistory(path string) *history {
	h := &history{path: path}
	text, err := readfile.Whole(path, readfile.Text)
	if err != nil {
		return h
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 8*longestMessage)
	for lines.Scan() {
		var message string
		if json.Unmarshal(lines.Bytes(), &message) == nil && message != "" {
			h.messages = append(h.messages, message)
		}
	}
	if n := len(h.messages); n > mostMessages {
		h.messages = h.messages[n-mostMessages:]
		if n > 2*mostMessages && lines.Err() == nil {
			h.rewrite()
		}
	}
	return h
}

// rewrite replaces the file by what is kept of it.
func (h *history) rewrite() {
	var b strings.Builder
	for _, message := range h.messages {
		text, _ := json.Marshal(message) // a string always marshals
		b.Write(append(text, '\n'))
	}
	os.WriteFile(h.path, []byte(b.String()), 0o600)
}

// Write adds a message. Only its owner can read the file.
func (h *history) Write(message string) (int, error) {
	if message = strings.TrimSpace(message); message == "" {
		return len(h.messages), nil
	}
	h.messages = append(h.messages, message)
	if h.whole != nil {
		message = h.whole(message)
	}
	if h.path == "" || len(message) > longestMessage {
		return len(h.messages), nil
	}
	if os.MkdirAll(filepath.Dir(h.path), 0o700) != nil {
		return len(h.messages), nil
	}
	f, err := os.OpenFile(h.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return len(h.messages), nil
	}
	defer f.Close()
	text, _ := json.Marshal(message)
	f.Write(append(text, '\n'))
	return len(h.messages), nil
}

// GetLine returns message i, counted from the oldest.
func (h *history) GetLine(i int) (string, error) {
	if i < 0 || i >= len(h.messages) {
		return "", errors.New("no such message")
	}
	return h.messages[i], nil
}

// Len returns the number of messages.
func (h *history) Len() int { return len(h.messages) }

// Dump returns all messages.
func (h *history) Dump() any { return h.messages }
