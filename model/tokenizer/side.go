package tokenizer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"fettle/internal/identify"
	"fettle/internal/plainjson"
	"fettle/internal/readfile"
)

// side holds what the side files of a Hugging Face directory say.
type side struct {
	sideConfig
	added   []addedToken
	special map[string]bool // texts of control tokens
	whole   bool            // added_tokens_decoder lists the added tokens: no other file adds or names any
}

// sideConfig has the fields of tokenizer_config.json that change tokens.
type sideConfig struct {
	Class       string                     `json:"tokenizer_class"`
	Backend     string                     `json:"backend"` // transformers 5 writes it
	AddBOS      choice                     `json:"add_bos_token"`
	AddEOS      choice                     `json:"add_eos_token"`
	PrefixSpace *bool                      `json:"add_prefix_space"`
	Legacy      *bool                      `json:"legacy"`
	Decoder     map[string]json.RawMessage `json:"added_tokens_decoder"`
	sideNames
}

// choice is a boolean field. One that is null is given and false, as in Python; an absent one has the default.
type choice struct{ given, on bool }

// UnmarshalJSON reads true, false or null.
func (c *choice) UnmarshalJSON(text []byte) error {
	c.given, c.on = true, false
	return json.Unmarshal(text, &c.on)
}

// sideNames has the fields of special_tokens_map.json, which tokenizer_config.json has too. A name that is null is
// none; one that is absent or empty is the tokenizer's usual one.
type sideNames struct {
	BOS   json.RawMessage `json:"bos_token"`
	EOS   json.RawMessage `json:"eos_token"`
	UNK   json.RawMessage `json:"unk_token"`
	SEP   json.RawMessage `json:"sep_token"`
	PAD   json.RawMessage `json:"pad_token"`
	CLS   json.RawMessage `json:"cls_token"`
	MASK  json.RawMessage `json:"mask_token"`
	More  json.RawMessage `json:"additional_special_tokens"`
	Extra json.RawMessage `json:"extra_special_tokens"` // as a list or by the names of attributes
}

// readSide reads tokenizer_config.json, special_tokens_map.json and added_tokens.json, in the order of precedence that
// the package's documentation states.
func readSide(dir string) (side, error) {
	s := side{special: map[string]bool{}}
	if err := readJSON(dir, "tokenizer_config.json", &s.sideConfig); err != nil {
		return s, err
	}
	s.whole = s.Decoder != nil
	more := []json.RawMessage{s.More}
	var old map[string]int32
	if !s.whole {
		if err := readJSON(dir, "special_tokens_map.json", &s.sideNames); err != nil {
			return s, err
		}
		if err := readJSON(dir, "added_tokens.json", &old); err != nil {
			return s, err
		}
		more = append(more, s.More)
	}
	named, err := s.names(more)
	if err != nil {
		return s, fmt.Errorf("%s: special tokens: %w", dir, plainjson.Explain(err))
	}
	for _, a := range named {
		s.special[a.Content] = true
	}
	if err := s.decoder(); err != nil {
		return s, err
	}
	for text, id := range old {
		if id < 0 {
			return s, fmt.Errorf("added_tokens.json: token %q: id %d, want 0 or more", text, id)
		}
		control := s.special[text] || spelledAsControl(text)
		s.added = append(s.added, addedToken{ID: id, Content: text, Special: control, Normalized: !s.special[text]})
	}
	slices.SortFunc(s.added, func(a, b addedToken) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), strings.Compare(a.Content, b.Content))
	})
	s.added = append(s.added, named...)
	return s, nil
}

// decoder reads added_tokens_decoder {"id": {"content", …}}.
func (s *side) decoder() error {
	for key, text := range s.Decoder {
		id, err := strconv.ParseInt(key, 10, 32)
		if err != nil || id < 0 {
			return fmt.Errorf("tokenizer_config.json: added token %q: want a token id", key)
		}
		var token addedToken
		if err := json.Unmarshal(text, &token); err != nil {
			return fmt.Errorf("tokenizer_config.json: added token %q: %w", key, plainjson.Explain(err))
		}
		token.ID = int32(id)
		token.Special = token.Special || s.special[token.Content]
		s.added = append(s.added, token)
	}
	return nil
}

// names returns the tokens that the side files name, without ids.
func (n sideNames) names(more []json.RawMessage) ([]addedToken, error) {
	list := []json.RawMessage{n.BOS, n.EOS, n.UNK, n.SEP, n.PAD, n.CLS, n.MASK}
	for _, text := range append(more, n.Extra) {
		several, err := severalTokens(text)
		if err != nil {
			return nil, fmt.Errorf("additional_special_tokens or extra_special_tokens: %w", err)
		}
		list = append(list, several...)
	}
	var all []addedToken
	seen := map[string]bool{"": true}
	for _, text := range list {
		a, err := namedToken(text)
		if err != nil {
			return nil, err
		}
		if !seen[a.Content] {
			all = append(all, a)
		}
		seen[a.Content] = true
	}
	return all, nil
}

// severalTokens reads a list of tokens, or an object of them, by the order of its keys.
func severalTokens(text json.RawMessage) (list []json.RawMessage, err error) {
	switch {
	case len(text) == 0:
		return nil, nil
	case text[0] != '{':
		return list, json.Unmarshal(text, &list)
	}
	var object map[string]json.RawMessage
	err = json.Unmarshal(text, &object)
	for _, key := range slices.Sorted(maps.Keys(object)) {
		list = append(list, object[key])
	}
	return list, err
}

// nameless is the id of a token that a side file names without its id.
const nameless = -1

// namedToken reads "</s>" or {"content": "</s>", "lstrip": …}. The token has no content for null and absent ones.
func namedToken(text json.RawMessage) (addedToken, error) {
	a := addedToken{ID: nameless}
	switch {
	case len(text) == 0:
		return a, nil
	case text[0] == '{':
		var given struct {
			Normalized bool `json:"normalized"`
		}
		err := errors.Join(json.Unmarshal(text, &a), json.Unmarshal(text, &given))
		a.ID, a.Special, a.Normalized, a.shaped = nameless, true, given.Normalized, true
		return a, err
	}
	a.Special = true
	return a, json.Unmarshal(text, &a.Content)
}

// pick returns the id of the token that a side file names: -1 for null, and otherwise for no name, an unknown one and
// an empty one, as some files of 2023 have.
func (side) pick(t *Tokenizer, name json.RawMessage, otherwise int32) int32 {
	if string(name) == "null" {
		return -1
	}
	a, err := namedToken(name)
	if id, ok := t.added[a.Content]; ok && err == nil {
		return id
	}
	return otherwise
}

// reconvert reports whether transformers makes the tokenizer from tokenizer.model though there is a tokenizer.json:
// LLaMA's class does so to apply add_prefix_space.
func (s side) reconvert() bool {
	return s.llama() && s.PrefixSpace != nil
}

// llama reports whether the class is one of LLaMA's.
func (s side) llama() bool {
	return strings.HasPrefix(s.Class, "LlamaTokenizer") || strings.HasPrefix(s.Class, "LLaMATokenizer")
}

// prefix applies add_prefix_space to a tokenizer.json: to its pre_tokenizer, if that is one ByteLevel, and false to the
// leading space of LLaMA's layouts.
func (s side) prefix(f *jsonFile) {
	if s.PrefixSpace == nil {
		return
	}
	if p := f.PreTokenizer; p != nil && p.Type == "ByteLevel" {
		p.AddPrefixSpace = s.PrefixSpace
	}
	if !s.llama() || *s.PrefixSpace {
		return
	}
	scheme := "never"
	if p := f.PreTokenizer; p != nil && p.Type == "Metaspace" {
		p.PrependScheme = &scheme
	}
	if n := f.Normalizer; n != nil {
		n.Normalizers = slices.DeleteFunc(n.Normalizers, func(s stage) bool { return s.Type == "Prepend" })
	}
}

// readJSON decodes a file of a directory into a value, if the file exists.
func readJSON(dir, name string, into any) error {
	text, err := readfile.WholeIn(dir, name, readfile.Tokenizer)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = identify.Damage(text)
	}
	if err == nil {
		err = json.Unmarshal([]byte(strings.TrimPrefix(string(text), "\ufeff")), into)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", filepath.Join(dir, name), plainjson.In(text, err))
	}
	return nil
}
