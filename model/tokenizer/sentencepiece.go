package tokenizer

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// space stands for U+0020 in SentencePiece's vocabularies.
const space = "▁"

// sentencePiece holds the fields of SentencePiece's ModelProto that encoding needs. Kudo and Richardson 2018,
// arXiv:1808.06226.
type sentencePiece struct {
	pieces                    []piece
	modelType                 uint64
	unk, bos, eos             int32
	addDummyPrefix, trimSpace bool
	firstAlone                bool // the space is added to the beginning of a text alone, not behind added tokens
	definedMerge              bool // user-defined pieces merge as others do
	charsmap                  int  // length of precompiled_charsmap in bytes
}

// parseSentencePiece reads SentencePiece's tokenizer.model.
func parseSentencePiece(text []byte, beside side) (*Tokenizer, error) {
	m := sentencePiece{modelType: 1, unk: 0, bos: 1, eos: 2, addDummyPrefix: true, trimSpace: true}
	if err := m.unmarshal(text); err != nil {
		return nil, fmt.Errorf("not a SentencePiece model: %w", err)
	}
	switch {
	case len(m.pieces) == 0:
		return nil, errors.New("not a SentencePiece model: it has no pieces")
	case m.modelType != 2:
		return nil, errors.New("a SentencePiece model of another type than BPE is not supported")
	case m.charsmap > 0:
		return nil, errors.New("a SentencePiece model that normalises text (precompiled_charsmap) is not supported")
	}
	t, err := m.tokenizer(nil, beside)
	if err != nil {
		return nil, err
	}
	t.choose(beside, false, false, false)
	return t, nil
}

// tokenizer returns the tokenizer without what is put around a text. Added tokens come beside those of the side files.
func (m *sentencePiece) tokenizer(added []addedToken, beside side) (*Tokenizer, error) {
	frozen := m.frozen()
	scheme := m.scheme(beside)
	m.addDummyPrefix, m.firstAlone = scheme != "never", scheme == "first" // as the side files have it
	if beside.Legacy != nil && !*beside.Legacy {
		m.trimSpace = false // transformers converts the file to a tokenizer.json, whose Metaspace keeps all spaces
	}
	t := &Tokenizer{
		pieces: m.pieces, prefixed: scheme != "never", collapse: m.trimSpace, bos: m.id(m.bos), eos: m.id(m.eos),
		unk: -1, pad: -1, spm: m,
	}
	placed, err := t.place(added, beside)
	if err != nil {
		return nil, err
	}
	b := &bpe{unk: -1, fuse: true, definedMerge: m.definedMerge}
	for id, p := range t.pieces {
		if p.kind == unknown {
			b.unk = int32(id)
		}
	}
	if err := b.index(t.pieces, byName); err != nil {
		return nil, err
	}
	if err := b.complete(); b.unk < 0 && err != nil {
		return nil, fmt.Errorf("there is no <unk> piece, and %w", err)
	}
	b.settle()
	t.encode = func(out []int32, text string, start bool) []int32 {
		lead := scheme == "always" ||
			scheme == "first" && start && !strings.HasPrefix(text, " ") && !strings.HasPrefix(text, space)
		text = m.escape(text, lead)
		frozen.cut(text, always, func(text string, _ int, id int32) {
			if id >= 0 {
				out = append(out, id)
			} else {
				out = b.encode(out, text)
			}
		})
		return out
	}
	t.seek(placed)
	return t, nil
}

// scheme returns when a leading space is added, as Metaspace's prepend_scheme: to every piece of text between added
// tokens, or with "legacy": false in tokenizer_config.json to the beginning of the text alone. Without legacy
// SentencePiece itself decides, and add_prefix_space can only turn it off.
func (m *sentencePiece) scheme(beside side) string {
	switch wanted := beside.PrefixSpace == nil || *beside.PrefixSpace; {
	case !wanted:
		return "never"
	case beside.Legacy != nil && !*beside.Legacy:
		return "first"
	case m.addDummyPrefix:
		return "always"
	}
	return "never"
}

// escape writes spaces as ▁ and adds a leading one if lead is true.
func (m *sentencePiece) escape(text string, lead bool) string {
	if m.trimSpace {
		text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == ' ' }), " ")
		text = strings.TrimRight(text, " "+space)
		if text == "" {
			return ""
		}
	}
	if lead {
		text = " " + text
	}
	return strings.ReplaceAll(text, " ", space)
}

// frozen returns a finder of the user-defined pieces that never merge with their neighbours.
func (m *sentencePiece) frozen() finder {
	var tokens []addedToken
	for id, p := range m.pieces {
		if !m.definedMerge && p.kind == userDefined && p.name != "" {
			tokens = append(tokens, addedToken{ID: int32(id), Content: p.name})
		}
	}
	return newFinder(tokens)
}

// id returns id if it is a control piece, otherwise -1.
func (m *sentencePiece) id(id int32) int32 {
	if id < 0 || int(id) >= len(m.pieces) || m.pieces[id].kind != control {
		return -1
	}
	return id
}

// field receives a field of a protobuf message: value for numbers, text for bytes.
type field func(number protowire.Number, kind protowire.Type, value uint64, text []byte) error

// damaged explains an error of protowire.
func damaged(code int) error {
	if errors.Is(protowire.ParseError(code), io.ErrUnexpectedEOF) {
		return errors.New("it ends inside a field: the file is truncated: download or copy it again")
	}
	return errors.New("one of its fields is damaged")
}

// walk calls f for each field of a message.
func walk(text []byte, f field) error {
	for len(text) > 0 {
		number, kind, n := protowire.ConsumeTag(text)
		if n < 0 {
			return damaged(n)
		}
		text = text[n:]
		var value uint64
		var inner []byte
		switch kind {
		case protowire.VarintType:
			value, n = protowire.ConsumeVarint(text)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(text)
			value = uint64(v)
		case protowire.BytesType:
			inner, n = protowire.ConsumeBytes(text)
		default:
			n = protowire.ConsumeFieldValue(number, kind, text)
		}
		if n < 0 {
			return damaged(n)
		}
		text = text[n:]
		if err := f(number, kind, value, inner); err != nil {
			return err
		}
	}
	return nil
}

func (m *sentencePiece) unmarshal(text []byte) error {
	return walk(text, func(number protowire.Number, _ protowire.Type, _ uint64, inner []byte) error {
		switch number {
		case 1:
			return m.addPiece(inner)
		case 2: // trainer_spec
			return walk(inner, func(number protowire.Number, _ protowire.Type, v uint64, _ []byte) error {
				switch number {
				case 3:
					m.modelType = v
				case 40:
					m.unk = int32(v)
				case 41:
					m.bos = int32(v)
				case 42:
					m.eos = int32(v)
				}
				return nil
			})
		case 3: // normalizer_spec
			return walk(inner, func(number protowire.Number, _ protowire.Type, v uint64, text []byte) error {
				switch number {
				case 2:
					m.charsmap = len(text)
				case 3:
					m.addDummyPrefix = v != 0
				case 4:
					m.trimSpace = v != 0
				}
				return nil
			})
		}
		return nil
	})
}

func (m *sentencePiece) addPiece(text []byte) error {
	p := piece{kind: normal}
	err := walk(text, func(number protowire.Number, _ protowire.Type, v uint64, text []byte) error {
		switch number {
		case 1:
			p.name = string(text)
		case 2:
			p.score = math.Float32frombits(uint32(v))
		case 3:
			p.kind = kind(v)
		}
		return nil
	})
	if err != nil {
		return err
	}
	switch p.kind {
	case normal, userDefined, unused:
		if !utf8.ValidString(p.name) {
			return fmt.Errorf("piece %d is not UTF-8", len(m.pieces))
		}
		p.text = strings.ReplaceAll(p.name, space, " ")
	case unknown:
		p.text = " ⁇ "
	case byteValue:
		var b byte
		if _, err := fmt.Sscanf(p.name, "<0x%02X>", &b); err != nil {
			return fmt.Errorf("piece %d is no byte: %q", len(m.pieces), p.name)
		}
		p.text = string([]byte{b})
	case control:
	default:
		return fmt.Errorf("piece %d is of unknown type %d", len(m.pieces), p.kind)
	}
	m.pieces = append(m.pieces, p)
	return nil
}
