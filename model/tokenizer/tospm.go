package tokenizer

import (
	"fmt"
	"math"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// marshal returns the vocabulary as SentencePiece's ModelProto. It has exactly one unknown piece.
func (m *sentencePiece) marshal(t *Tokenizer) []byte {
	var out []byte
	message := func(number protowire.Number, inner []byte) {
		out = protowire.AppendBytes(protowire.AppendTag(out, number, protowire.BytesType), inner)
	}
	number := func(to []byte, field protowire.Number, value uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(to, field, protowire.VarintType), value)
	}
	truth := map[bool]uint64{true: 1}
	for id, p := range m.pieces {
		name, kind := p.name, p.kind
		switch {
		case int32(id) == m.unk:
			kind = unknown
		case kind == userDefined && m.definedMerge && strings.Contains(name, space):
			kind = normal
		case kind == userDefined: // by the name in tokenizer_config.json, or transformers gives it a new id
			name = strings.ReplaceAll(name, space, " ")
		}
		if name == "" {
			name, kind = fmt.Sprintf("[EMPTY_%d]", id), unused
		}
		inner := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), name)
		inner = protowire.AppendFixed32(protowire.AppendTag(inner, 2, protowire.Fixed32Type), math.Float32bits(p.score))
		message(1, number(inner, 3, uint64(kind)))
	}
	trainer := number(nil, 3, 2) // byte-pair encoding
	trainer = number(trainer, 4, uint64(len(m.pieces)))
	trainer = number(trainer, 35, 1) // byte_fallback
	roles := []int32{m.unk, t.bos, t.eos}
	for i, id := range roles {
		trainer = number(trainer, protowire.Number(40+i), uint64(int64(id)))
	}
	for i, id := range roles { // SentencePiece finds them by name
		trainer = protowire.AppendTag(trainer, protowire.Number(45+i), protowire.BytesType)
		trainer = protowire.AppendString(trainer, t.Piece(id))
	}
	message(2, trainer)
	normalizer := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "identity")
	normalizer = number(normalizer, 3, truth[m.addDummyPrefix])
	message(3, number(normalizer, 4, truth[m.trimSpace]))
	return out
}
