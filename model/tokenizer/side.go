package tokenizer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// side is what a Hugging Face directory says beside the vocabulary.
type side struct {
	added    []addedToken
	special  map[string]bool // texts that are control tokens whatever else is said
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
	// What a file says nothing more of than its id, text should not produce.
	told := map[int32]bool{}
	for key, text := range config.Decoder {
		id, err := strconv.ParseInt(key, 10, 32)
		token := addedToken{Special: true}
		if err == nil {
			err = json.Unmarshal(text, &token)
		}
		if err != nil {
			return s, fmt.Errorf("tokenizer_config.json: added token %q: %w", key, err)
		}
		token.ID, told[int32(id)] = int32(id), true
		s.added = append(s.added, token)
	}
	for text, id := range old {
		if !told[id] {
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

// pick is the token of a name. An empty name, as some files of 2023 have, and
// an unknown one leave what the vocabulary says.
func (side) pick(t *Tokenizer, name string, otherwise int32) int32 {
	if name == "" {
		return otherwise
	}
	if id, ok := t.added[name]; ok {
		return id
	}
	return otherwise
}

// tokenText is "</s>" or {"content": "</s>", …}.
type tokenText string

// UnmarshalJSON reads both spellings, and null.
func (s *tokenText) UnmarshalJSON(text []byte) error {
	var object struct{ Content string }
	if json.Unmarshal(text, &object) == nil {
		*s = tokenText(object.Content)
		return nil
	}
	return json.Unmarshal(text, (*string)(s))
}

// readJSON reads an optional file.
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
