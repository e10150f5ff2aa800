package tokenizer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
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

	names  []string       // the vocabulary by id
	unused map[int32]bool // ids of pieces that no text has
	merges []merge
}

// parseJSON reads a tokenizer.json with byte-pair encoding, of characters with byte fallback (LLaMA 1 and 2) or of
// bytes (LLaMA 3). It returns an error that names the first unsupported part.
func parseJSON(text []byte, beside side) (*Tokenizer, error) {
	var f jsonFile
	f.Model.Type = "BPE" // the default: files of 2020 have no type
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("not a tokenizer.json: %w", plainjson.In(text, err))
	}
	if err := f.Model.read(len(f.Added)); err != nil {
		return nil, err
	}
	beside.prefix(&f)
	t, err := f.tokenizer(beside)
	if err != nil {
		return nil, err
	}
	if err := t.process(f.PostProcessor); err != nil {
		return nil, err
	}
	t.choose(beside, true, f.PostProcessor != nil, t.byteLevel)
	return t, nil
}

// tokenizer returns the tokenizer without what is put around a text.
func (f *jsonFile) tokenizer(beside side) (*Tokenizer, error) {
	t := &Tokenizer{bos: -1, eos: -1, unk: -1, pad: -1, json: f}
	var err error
	if t.normalize, err = newNormalizer(f.Normalizer); err != nil {
		return nil, err
	}
	var words splitters
	if words, t.byteLevel, err = newSplitters(f.PreTokenizer); err != nil {
		return nil, err
	}
	spell, prefixed, err := newDecoder(f.Decoder, t.byteLevel)
	if err != nil {
		return nil, err
	}
	t.prefixed = prefixed
	t.pieces = f.Model.pieces(spell)
	placed, err := t.place(f.Added, beside)
	if err != nil {
		return nil, err
	}
	for _, a := range placed {
		if p := &t.pieces[a.ID]; p.kind == unknown && a.Special {
			p.text = ""
		}
	}
	b, err := f.Model.bpe(t.pieces, t.byteLevel)
	if err != nil {
		return nil, err
	}
	for i, id := range b.bytes {
		t.missing[i] = t.byteLevel && id < 0 && b.unk < 0
	}
	t.encode = func(out []int32, text string, start bool) []int32 {
		words.split(text, start, func(word string) { out = b.encode(out, word) })
		return out
	}
	t.seek(placed)
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

// read checks the model and fills names and merges.
func (m *jsonModel) read(added int) error {
	if err := m.check(); err != nil {
		return err
	}
	limit := len(m.Vocab) + added + maxAdded
	if err := m.name(maps.Keys(m.Vocab), limit); err != nil {
		byID := func(a, b string) int { return cmp.Or(cmp.Compare(m.Vocab[a], m.Vocab[b]), strings.Compare(a, b)) }
		return m.name(slices.Values(slices.SortedFunc(maps.Keys(m.Vocab), byID)), limit) // the first error by id
	}
	pair, n, err := m.pairs()
	if err != nil {
		return err
	}
	v, err := newVocabulary(m.names)
	if err != nil {
		return err
	}
	m.merges, err = v.merges(n, pair)
	m.Vocab, m.Merges = nil, nil
	return err
}

// name fills names from the vocabulary, all of which names lists in any order.
func (m *jsonModel) name(names iter.Seq[string], limit int) error {
	m.names = make([]string, 0, len(m.Vocab))
	for name := range names {
		id := m.Vocab[name]
		if id < 0 || int(id) >= limit {
			return fmt.Errorf("piece %q has id %d in a vocabulary of %d", name, id, len(m.Vocab))
		}
		if more := int(id) + 1 - len(m.names); more > 0 {
			m.names = append(m.names, make([]string, more)...)
		}
		if m.names[id] != "" {
			return fmt.Errorf("pieces %q and %q have the same id %d", m.names[id], name, id)
		}
		m.names[id] = name
	}
	return nil
}

// pieces returns the vocabulary by id. Unused ids stay control pieces without a name.
func (m *jsonModel) pieces(spell func(string) string) []piece {
	pieces := make([]piece, len(m.names))
	for id, name := range m.names {
		if name == "" {
			pieces[id].kind = control
			continue
		}
		p := piece{name: name, text: spell(name), kind: normal}
		if m.unused[int32(id)] {
			p.kind = unused
		} else if m.Unk != nil && *m.Unk == name {
			p.kind = unknown
		} else if value, ok := byteName(name); ok && m.ByteFallback {
			p.kind, p.text = byteValue, string([]byte{value})
		}
		pieces[id] = p
	}
	return pieces
}

// byteName parses the name of a byte piece, such as "<0x0A>".
func byteName(name string) (byte, bool) {
	if len(name) != len("<0x0A>") || name[:3] != "<0x" || name[5] != '>' {
		return 0, false
	}
	value, err := strconv.ParseUint(name[3:5], 16, 8)
	return byte(value), err == nil && name == byteSpelling(byte(value))
}

// byteSpelling returns the name of a byte piece.
func byteSpelling(value byte) string { return fmt.Sprintf("<0x%02X>", value) }

// bpe returns the encoder, without the pieces that have become control tokens.
func (m *jsonModel) bpe(pieces []piece, byteLevel bool) (*bpe, error) {
	b := &bpe{unk: -1, fuse: m.FuseUnk, byteLevel: byteLevel, whole: m.IgnoreMerges}
	spell := byName
	if byteLevel {
		alphabet := newByteAlphabet()
		spell = func(p piece) (string, bool) {
			if p.text != p.name {
				return p.text, true
			}
			return alphabet.read(p.name)
		}
	}
	if err := b.index(pieces, spell); err != nil {
		return nil, err
	}
	for id, p := range pieces {
		if p.kind == unknown {
			b.unk = int32(id)
		}
	}
	b.rules = newRuleIndex(len(m.merges))
	for i, pair := range m.merges {
		if k := pieces[pair.joined].kind; k != control && k != unknown {
			b.rules.add(pair.left, pair.right, rule{pair.joined, -float32(i)})
		}
	}
	b.settle()
	return b, nil
}

// pairs reads merges in both forms, "a b" and ["a", "b"]. It returns their number and a function that gives each.
func (m *jsonModel) pairs() (pair func(i int) (left, right string, err error), n int, err error) {
	list := bytes.TrimPrefix(bytes.TrimSpace(m.Merges), []byte("["))
	if bytes.HasPrefix(bytes.TrimSpace(list), []byte(`"`)) {
		var lines []string
		if err := json.Unmarshal(m.Merges, &lines); err != nil {
			return nil, 0, fmt.Errorf("merges: %w", plainjson.Explain(err))
		}
		return spaced(lines), len(lines), nil
	}
	var pairs [][]string
	if len(m.Merges) > 0 {
		if err := json.Unmarshal(m.Merges, &pairs); err != nil {
			return nil, 0, fmt.Errorf("merges: %w", plainjson.Explain(err))
		}
	}
	return func(i int) (left, right string, err error) {
		if len(pairs[i]) != 2 {
			return "", "", fmt.Errorf("%q, want two pieces", pairs[i])
		}
		return pairs[i][0], pairs[i][1], nil
	}, len(pairs), nil
}
