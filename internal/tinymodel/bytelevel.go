package tinymodel

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// The ids of WriteByteLevelTokenizer's file: 256 bytes, two merges, then some of LLaMA 3's control tokens.
const (
	ByteLevelBOS  = 258 + iota // <|begin_of_text|>
	ByteLevelEOS               // <|end_of_text|>
	ByteLevelSOH               // <|start_header_id|>
	ByteLevelEOH               // <|end_header_id|>
	ByteLevelEOT               // <|eot_id|>
	ByteLevelSize              // size of the vocabulary
)

// WriteByteLevelTokenizer writes a tokenizer.json in LLaMA 3's layout, with the pieces of bytes, "Ġs" and "ĠĠ", and a
// tokenizer_config.json into dir.
func WriteByteLevelTokenizer(dir string) error {
	vocab := map[string]int{"Ġs": 256, "ĠĠ": 257}
	for b := range 256 {
		vocab[byteChar(b)] = b
	}
	type object = map[string]any
	var added []object
	for i, name := range []string{
		"<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
	} {
		added = append(added, object{"id": ByteLevelBOS + i, "content": name, "special": true})
	}
	words := `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}` +
		`| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	bytes := object{"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}
	files := map[string]object{
		"tokenizer.json": {
			"version": "1.0", "added_tokens": added, "normalizer": nil, "decoder": bytes, "post_processor": bytes,
			"pre_tokenizer": object{"type": "Sequence", "pretokenizers": []object{
				{"type": "Split", "pattern": object{"Regex": words}, "behavior": "Isolated", "invert": false}, bytes,
			}},
			"model": object{
				"type": "BPE", "ignore_merges": true, "vocab": vocab, "merges": [][]string{{"Ġ", "s"}, {"Ġ", "Ġ"}},
			},
		},
		"tokenizer_config.json": {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"},
	}
	for name, file := range files {
		text, err := json.Marshal(file)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// byteChar returns the character that stands for a byte in GPT-2's vocabularies.
func byteChar(b int) string {
	switch {
	case b <= ' ':
		return string(rune(0x100 + b))
	case b >= 0x7f && b <= 0xa0:
		return string(rune(0x121 + b - 0x7f))
	case b == 0xad:
		return string(rune(0x143))
	}
	return string(rune(b))
}
