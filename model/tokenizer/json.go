package tokenizer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fettle/internal/plainjson"
)

// jsonFile has the fields of Hugging Face's tokenizer.json.
type jsonFile struct {
	Added         []addedToken `json:"added_tokens"`
	Normalizer    *stage       `json:"normalizer"`
	PreTokenizer  *stage       `json:"pre_tokenizer"`
	PostProcessor *stage       `json:"post_processor"`
	Decoder       *stage       `json:"decoder"`
	Model         jsonModel    `json:"model"`
}

// jsonModel has the vocabulary and the merges.
type jsonModel struct {
	Type         string           `json:"type"`
	Vocab        map[string]int32 `json:"vocab"`
	Merges       json.RawMessage  `json:"merges"` // ["a b", …] or [["a", "b"], …]
	Unk          *string          `json:"unk_token"`
	ByteFallback bool             `json:"byte_fallback"`
	FuseUnk      bool             `json:"fuse_unk"`
	IgnoreMerges bool             `json:"ignore_merges"`
	Prefix       *string          `json:"continuing_subword_prefix"`
	Suffix       *string          `json:"end_of_word_suffix"`
	Dropout      *float64         `json:"dropout"`
}

// parseJSON reads a tokenizer.json with byte-pair encoding, of characters with byte fallback (LLaMA 1 and 2) or of
// bytes (LLaMA 3). It returns an error that names the first unsupported part.
func parseJSON(text []byte, beside side) (*Tokenizer, error) {
	var f jsonFile
	f.Model.Type = "BPE" // the default: files of 2020 have no type
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("not a tokenizer.json: %w", plainjson.Explain(err))
	}
	if err := f.Model.check(); err != nil {
		return nil, err
	}
	beside.prefix(&f)
	t := &Tokenizer{bos: -1, eos: -1}
	var err error
	if t.normalize, err = newNormalizer(f.Normalizer); err != nil {
		return nil, err
	}
	words, byteLevel, err := newSplitters(f.PreTokenizer)
	if err != nil {
		return nil, err
	}
	spell, prefixed, err := newDecoder(f.Decoder, byteLevel)
	if err != nil {
		return nil, err
	}
	t.prefixed = prefixed
	if t.pieces, err = f.Model.pieces(spell, len(f.Added)); err != nil {
		return nil, err
	}
	placed, err := t.place(f.Added, beside)
	if err != nil {
		return nil, err
	}
	for _, a := range placed {
		if p := &t.pieces[a.ID]; p.kind == unknown && a.Special {
			p.text = ""
		}
	}
	b, err := f.Model.bpe(t.pieces, byteLevel)
	if err != nil {
		return nil, err
	}
	for i, id := range b.bytes {
		t.missing[i] = byteLevel && id < 0 && b.unk < 0
	}
	t.encode = func(out []int32, text string, start bool) []int32 {
		words.split(text, start, func(word string) { out = b.encode(out, word) })
		return out
	}
	t.seek(placed)
	if err := t.process(f.PostProcessor); err != nil {
		return nil, err
	}
	t.choose(beside, true, f.PostProcessor != nil, byteLevel)
	return t, nil
}

// check returns an error for settings that would change the tokens and are not supported.
func (m *jsonModel) check() error {
	switch {
	case m.Type != "BPE":
		return fmt.Errorf("model type %q is not supported, want BPE", m.Type)
	case len(m.Vocab) == 0:
		return errors.New("not a tokenizer.json: its model has no vocab")
	case m.Prefix != nil && *m.Prefix != "":
		return fmt.Errorf("continuing_subword_prefix %q is not supported", *m.Prefix)
	case m.Suffix != nil && *m.Suffix != "":
		return fmt.Errorf("end_of_word_suffix %q is not supported", *m.Suffix)
	case m.Dropout != nil && *m.Dropout != 0:
		return fmt.Errorf("dropout %g is not supported: tokens would be random", *m.Dropout)
	}
	return nil
}

// pieces returns the vocabulary by id. Unused ids stay control pieces without a name.
func (m *jsonModel) pieces(spell func(string) string, added int) ([]piece, error) {
	limit := len(m.Vocab) + added + maxAdded
	var pieces []piece
	byID := func(a, b string) int { return cmp.Or(cmp.Compare(m.Vocab[a], m.Vocab[b]), strings.Compare(a, b)) }
	for _, name := range slices.SortedFunc(maps.Keys(m.Vocab), byID) {
		id := m.Vocab[name]
		if id < 0 || int(id) >= limit {
			return nil, fmt.Errorf("piece %q has id %d in a vocabulary of %d", name, id, len(m.Vocab))
		}
		for int(id) >= len(pieces) {
			pieces = append(pieces, piece{kind: control})
		}
		if old := pieces[id].kind; old != control {
			return nil, fmt.Errorf("pieces %q and %q have the same id %d", pieces[id].name, name, id)
		}
		p := piece{name: name, text: spell(name), kind: normal}
		if m.Unk != nil && *m.Unk == name {
			p.kind = unknown
		} else if value, ok := byteName(name); ok && m.ByteFallback {
			p.kind, p.text = byteValue, string([]byte{value})
		}
		pieces[id] = p
	}
	return pieces, nil
}

// byteName parses the name of a byte piece, such as "<0x0A>".
func byteName(name string) (byte, bool) {
	var value byte
	if len(name) != len("<0x0A>") {
		return 0, false
	}
	_, err := fmt.Sscanf(name, "<0x%02X>", &value)
	return value, err == nil && name == fmt.Sprintf("<0x%02X>", value)
}

// bpe returns the encoder, without the pieces that have become control tokens.
func (m *jsonModel) bpe(pieces []piece, byteLevel bool) (*bpe, error) {
	b := &bpe{unk: -1, fuse: m.FuseUnk, byteLevel: byteLevel, whole: m.IgnoreMerges}
	spell := byName
	if byteLevel {
		alphabet := newByteAlphabet()
		spell = func(p piece) (string, bool) { return alphabet.read(p.name) }
	}
	if err := b.index(pieces, spell); err != nil {
		return nil, err
	}
	for id, p := range pieces {
		if p.kind == unknown {
			b.unk = int32(id)
		}
	}
	var err error
	if b.rules, err = m.rules(pieces); err != nil {
		return nil, err
	}
	b.settle()
	return b, nil
}

// rules returns the merges by the ids of their pieces. The first of equal merges wins.
func (m *jsonModel) rules(pieces []piece) (map[[2]int32]rule, error) {
	pairs, err := m.pairs()
	if err != nil {
		return nil, err
	}
	rules := make(map[[2]int32]rule, len(pairs))
	for i, pair := range pairs {
		left, okLeft := m.Vocab[pair[0]]
		right, okRight := m.Vocab[pair[1]]
		id, ok := m.Vocab[pair[0]+pair[1]]
		if !ok || !okLeft || !okRight {
			return nil, fmt.Errorf("merge %d, %q and %q: the vocabulary lacks one of them or their joined piece",
				i, pair[0], pair[1])
		}
		if k := pieces[id].kind; k == control || k == unknown {
			continue
		}
		if _, ok := rules[[2]int32{left, right}]; !ok {
			rules[[2]int32{left, right}] = rule{id, -float32(i)}
		}
	}
	return rules, nil
}

// pairs reads merges in both forms, "a b" and ["a", "b"].
func (m *jsonModel) pairs() ([][]string, error) {
	list := bytes.TrimPrefix(bytes.TrimSpace(m.Merges), []byte("["))
	if bytes.HasPrefix(bytes.TrimSpace(list), []byte(`"`)) {
		var lines []string
		if err := json.Unmarshal(m.Merges, &lines); err != nil {
			return nil, fmt.Errorf("merges: %w", plainjson.Explain(err))
		}
		pairs := make([][]string, len(lines))
		for i, line := range lines {
			if pairs[i] = strings.Split(line, " "); len(pairs[i]) != 2 {
				return nil, fmt.Errorf("merge %d: %q, want two pieces", i, line)
			}
		}
		return pairs, nil
	}
	var pairs [][]string
	if len(m.Merges) > 0 {
		if err := json.Unmarshal(m.Merges, &pairs); err != nil {
			return nil, fmt.Errorf("merges: %w", plainjson.Explain(err))
		}
	}
	for i, pair := range pairs {
		if len(pair) != 2 {
			return nil, fmt.Errorf("merge %d: %q, want two pieces", i, pair)
		}
	}
	return pairs, nil
}
