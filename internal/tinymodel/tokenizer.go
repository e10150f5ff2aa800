package tinymodel

import (
	"fmt"
	"math"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/encoding/protowire"
)

// TokenizerSize is the size of WriteTokenizer's vocabulary.
const TokenizerSize = 3 + 256 + 1 + 26

// WriteTokenizer writes a SentencePiece tokenizer.model into dir: control tokens, bytes, the space and the lower-case
// letters, without merges.
func WriteTokenizer(dir string) error {
	var file []byte
	add := func(name string, kind uint64) {
		var p []byte
		p = protowire.AppendString(protowire.AppendTag(p, 1, protowire.BytesType), name)
		p = protowire.AppendTag(p, 2, protowire.Fixed32Type)
		p = protowire.AppendFixed32(p, math.Float32bits(-float32(len(file))))
		p = protowire.AppendVarint(protowire.AppendTag(p, 3, protowire.VarintType), kind)
		file = protowire.AppendBytes(protowire.AppendTag(file, 1, protowire.BytesType), p)
	}
	add("<unk>", 2)
	add("<s>", 3)
	add("</s>", 3)
	for b := range 256 {
		add(fmt.Sprintf("<0x%02X>", b), 6)
	}
	add("▁", 1)
	for c := 'a'; c <= 'z'; c++ {
		add(string(c), 1)
	}
	bpe := protowire.AppendVarint(protowire.AppendTag(nil, 3, protowire.VarintType), 2)
	file = protowire.AppendBytes(protowire.AppendTag(file, 2, protowire.BytesType), bpe)
	keepSpaces := protowire.AppendVarint(protowire.AppendTag(nil, 4, protowire.VarintType), 0)
	file = protowire.AppendBytes(protowire.AppendTag(file, 3, protowire.BytesType), keepSpaces)
	return os.WriteFile(filepath.Join(dir, "tokenizer.model"), file, 0o644)
}
