package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// maxAdded bounds the ids that side files may add to a vocabulary.
const maxAdded = 1 << 16

// addTokens reads what a Hugging Face directory says beside the vocabulary:
// added_tokens.json {"text": id}, and tokenizer_config.json's
// added_tokens_decoder {"id": {"content"}}, bos_token and eos_token.
func (t *Tokenizer) addTokens(dir string) error {
	var added map[string]int32
	if err := readJSON(filepath.Join(dir, "added_tokens.json"), &added); err != nil {
		return err
	}
	for text, id := range added {
		if err := t.addToken(text, id); err != nil {
			return err
		}
	}
	var config struct {
		Decoder map[string]struct {
			Content string `json:"content"`
		} `json:"added_tokens_decoder"`
		BOS tokenText `json:"bos_token"`
		EOS tokenText `json:"eos_token"`
	}
	if err := readJSON(filepath.Join(dir, "tokenizer_config.json"), &config); err != nil {
		return err
	}
	for key, token := range config.Decoder {
		id, err := strconv.ParseInt(key, 10, 32)
		if err != nil {
			return fmt.Errorf("tokenizer_config.json: added token %q: %w", key, err)
		}
		if err := t.addToken(token.Content, int32(id)); err != nil {
			return err
		}
	}
	// An empty name, as some files of 2023 have, leaves the vocabulary's own.
	if id, ok := t.specials[string(config.BOS)]; ok {
		t.bos = id
	}
	if id, ok := t.specials[string(config.EOS)]; ok {
		t.eos = id
	}
	return nil
}

// addToken gives an id a text that Encode never produces.
func (t *Tokenizer) addToken(text string, id int32) error {
	if id < 0 || int(id) > len(t.pieces)+maxAdded {
		return fmt.Errorf("added token %q has id %d, far outside the vocabulary of %d", text, id, len(t.pieces))
	}
	for int(id) >= len(t.pieces) {
		t.pieces = append(t.pieces, piece{kind: control})
	}
	if t.pieces[id].name == "" {
		t.pieces[id] = piece{name: text, kind: control}
	}
	t.addSpecial(text, id)
	return nil
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
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
