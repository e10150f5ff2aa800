package tokenizer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// side holds the tokens defined in the side files of a Hugging Face directory.
type side struct {
	added    []addedToken
	special  map[string]bool // texts of control tokens
	bos, eos string
}

// readSide reads added_tokens.json {"text": id}, and tokenizer_config.json's
// added_tokens_decoder {"id": {"content", …}}, bos_token and eos_token.
func readSide(dir string) (side, error) {
	s := side{special: map[string]bool{}}
	var old map[string]int32
	if err := readJSON(filepath.Join(dir, "added_tokens.json"), &old); err != nil {
		return s, err
	}
	var config struct {
		Decoder    map[string]json.RawMessage `json:"added_tokens_decoder"`
		BOS        tokenText                  `json:"bos_token"`
		EOS        tokenText                  `json:"eos_token"`
		PAD        tokenText                  `json:"pad_token"`
		Additional []tokenText                `json:"additional_special_tokens"`
	}
	if err := readJSON(filepath.Join(dir, "tokenizer_config.json"), &config); err != nil {
		return s, err
	}
	// A token known by its id alone is taken for a control token: text must not produce it.
	declared := map[int32]bool{}
	for _, key := range slices.Sorted(maps.Keys(config.Decoder)) {
		text := config.Decoder[key]
		id, err := strconv.ParseInt(key, 10, 32)
		token := addedToken{Special: true}
		if err == nil {
			err = json.Unmarshal(text, &token)
		}
		if err != nil {
			return s, fmt.Errorf("tokenizer_config.json: added token %q: %w", key, err)
		}
		token.ID, declared[int32(id)] = int32(id), true
		s.added = append(s.added, token)
	}
	for text, id := range old {
		if !declared[id] {
			s.added = append(s.added, addedToken{ID: id, Content: text, Special: true})
		}
	}
	slices.SortFunc(s.added, func(a, b addedToken) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), strings.Compare(a.Content, b.Content))
	})
	s.bos, s.eos = string(config.BOS), string(config.EOS)
	for _, name := range append(config.Additional, config.BOS, config.EOS, config.PAD) {
		s.special[string(name)] = true
	}
	return s, nil
}

// pick returns the id of a name, or otherwise for an unknown name and for an empty one, as some files of 2023 have.
func (side) pick(t *Tokenizer, name string, otherwise int32) int32 {
	if name == "" {
		return otherwise
	}
	if id, ok := t.added[name]; ok {
		return id
	}
	return otherwise
}

// tokenText reads "</s>" or {"content": "</s>", …}.
type tokenText string

// UnmarshalJSON reads both forms, and null.
func (s *tokenText) UnmarshalJSON(text []byte) error {
	var object struct{ Content string }
	if json.Unmarshal(text, &object) == nil {
		*s = tokenText(object.Content)
		return nil
	}
	return json.Unmarshal(text, (*string)(s))
}

// readJSON decodes a file into a value, if the file exists.
func readJSON(path string, into any) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(strings.TrimPrefix(string(text), "\ufeff")), into)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
