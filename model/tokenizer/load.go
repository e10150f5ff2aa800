package tokenizer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"fettle/internal/checkpoint/gguf"
	"fettle/internal/identify"
	"fettle/internal/readfile"
)

// Files returns the names of the tokenizer files of a model directory, the preferred one first.
func Files() []string { return []string{"tokenizer.json", "tokenizer.model"} }

// SideFiles returns the names of a model directory's other files about the tokenizer.
func SideFiles() []string {
	return []string{"tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"}
}

// Load reads the tokenizer of a model, a directory or a file, or a tokenizer file of any kind, recognized by its
// content. In a directory with both tokenizer.model and tokenizer.json it prefers tokenizer.json, as transformers does.
// If only one of them can be read, it returns that one. A GGUF file holds its tokenizer; beside weights in another file
// it is tokenizer.json, tokenizer.model or tokenizer.bin, or a tok*.model or tok*.bin if there is only one, and in
// Meta's layout tokenizer.model one directory up.
func Load(path string) (*Tokenizer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("load tokenizer: %w", err)
	}
	if info.IsDir() {
		t, err := loadDir(path)
		if layout, file := identify.ModelAt(path); layout == identify.GGUFModel && errors.Is(err, fs.ErrNotExist) {
			return readFileIn(path, filepath.Base(file), side{})
		}
		return t, err
	}
	if weights(path) {
		return besideWeights(path)
	}
	beside, err := readSide(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("load tokenizer: %w", err)
	}
	return readFile(path, beside)
}

func readFile(path string, beside side) (*Tokenizer, error) {
	if identify.File(path) == identify.GGUF {
		return readGGUF(path)
	}
	text, err := readfile.Whole(path, readfile.Tokenizer)
	if err != nil {
		return nil, fmt.Errorf("load tokenizer: %w", err)
	}
	if err := identify.Damage(text); err != nil {
		return nil, fmt.Errorf("load tokenizer %s: %w", path, err)
	}
	if filepath.Ext(path) == ".json" {
		text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
		if !isJSON(text) {
			return nil, fmt.Errorf("load tokenizer %s: it is no JSON object, or a part of one: download it again", path)
		}
	}
	t, err := parse(text, beside)
	if err != nil {
		return nil, fmt.Errorf("load tokenizer %s: %w", path, err)
	}
	return t, nil
}

// readGGUF reads the tokenizer of a model file.
func readGGUF(path string) (t *Tokenizer, err error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load tokenizer: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if model, _ := f.Metadata.Text(ggufPrefix + "model"); model == "" || model == "none" || model == "no_vocab" {
		return besideWeights(path)
	}
	if t, err = parseGGUF(f.Metadata); err != nil {
		return nil, fmt.Errorf("load tokenizer %s: %w", path, err)
	}
	return t, nil
}

// Parse reads a tokenizer file, given its bytes, without side files.
func Parse(text []byte) (*Tokenizer, error) { return parse(text, side{}) }

func parse(text []byte, beside side) (*Tokenizer, error) {
	read := parseSentencePiece
	switch {
	case identify.Head(text) == identify.GGUF:
		f, err := gguf.Parse(text)
		if err != nil {
			return nil, err
		}
		return parseGGUF(f.Metadata)
	case isJSON(text):
		read = parseJSON
	case isTiktoken(text):
		read = parseTiktoken
	case isLlama2C(text):
		read = parseLlama2C
	}
	t, err := read(text, beside)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	t.hash = hex.EncodeToString(sum[:])
	return t, nil
}

// isJSON reports whether text begins and ends as a JSON object. The first byte alone does not suffice: in a
// SentencePiece file it may be the length of the first piece.
func isJSON(text []byte) bool {
	text = bytes.TrimSpace(text)
	return len(text) > 1 && text[0] == '{' && text[len(text)-1] == '}'
}
