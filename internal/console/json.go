package console

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
)

// entry is a text as a line of a log.
type entry struct {
	Level   string `json:"level"`
	Time    string `json:"time"`
	Message string `json:"message"`
}

// object writes whole lines as a JSON object, and JSON objects as they are. What has no end yet is held back.
func (s *Stream) object(p []byte) error {
	s.held = append(s.held, p...)
	if s.held[len(s.held)-1] != '\n' {
		return nil
	}
	line := s.held
	s.held = nil
	if line[0] == '{' && json.Valid(line) && bytes.IndexByte(line, '\n') == len(line)-1 {
		_, err := s.to.Write(line)
		return err
	}
	return s.message(string(line))
}

// message writes a text as a JSON object.
func (s *Stream) message(text string) error {
	if text = strings.TrimSpace(text); text == "" {
		return nil
	}
	level := "info"
	if after, ok := strings.CutPrefix(text, "warning: "); ok {
		level, text = "warn", after
	}
	line, err := json.Marshal(entry{Level: level, Time: time.Now().Format(time.RFC3339), Message: text})
	if err == nil {
		_, err = s.to.Write(append(line, '\n'))
	}
	return err
}

// Flush writes what is held back.
func (c *Console) Flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range []*Stream{c.out, c.err} {
		if len(s.held) > 0 {
			text := string(s.held)
			s.held = nil
			s.message(text)
		}
	}
}
