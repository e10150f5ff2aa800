package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Ends lists the tokens that end an answer.
func (m *Model) Ends() []int32 {
	ends := append(append([]int32(nil), m.Weights.Config().EOS...), m.MoreEnds...)
	if m.Tokenizer.EOS() >= 0 {
		ends = append(ends, m.Tokenizer.EOS())
	}
	if m.Recipe != nil {
		for _, name := range m.Recipe.Ends {
			if id, ok := m.Tokenizer.ID(name); ok {
				ends = append(ends, id)
			}
		}
	}
	return ends
}

// stops lists the texts that end an answer.
func (m *Model) stops() []string {
	if m.Recipe == nil {
		return nil
	}
	return append([]string(nil), m.Recipe.Stop...)
}

// GenerationEnds returns the tokens that a directory's generation_config.json lists as ends.
func GenerationEnds(dir string) ([]int32, error) {
	path := filepath.Join(dir, "generation_config.json")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var config struct {
		EOS json.RawMessage `json:"eos_token_id"`
	}
	if err == nil {
		err = json.Unmarshal(text, &config)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	var one int32
	var list []int32
	if json.Unmarshal(config.EOS, &one) == nil && string(config.EOS) != "null" {
		return []int32{one}, nil
	}
	if len(config.EOS) > 0 && json.Unmarshal(config.EOS, &list) != nil {
		return nil, fmt.Errorf("read %s: eos_token_id is %.40s, want a number or a list", path, config.EOS)
	}
	return list, nil
}
