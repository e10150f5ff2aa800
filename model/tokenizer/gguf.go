package tokenizer

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"

	"fettle/internal/checkpoint/gguf"
	"fettle/internal/mapped"
)

// ggufPrefix begins the names of a GGUF file's keys about the tokenizer.
const ggufPrefix = "tokenizer.ggml."

// ggufVocabulary holds the keys of a GGUF file that describe its tokens.
type ggufVocabulary struct {
	gguf.Metadata
	tokens []string
	kinds  []kind // of each token; nil: the file does not tell
}

// parseGGUF reads the tokenizer in the metadata of a GGUF file: SentencePiece's ("llama") or one of bytes ("gpt2").
// Ids are llama.cpp's: user-defined pieces with ▁ are found in text that has ▁, and merge. Exceptions: text never
// becomes a control token by merging, nor an unused one of SentencePiece's; bytes that the vocabulary lacks are left
// out before merging, as in the tokenizers library; and of added tokens that overlap in a text the first is taken, not
// the longest.
func parseGGUF(m gguf.Metadata) (*Tokenizer, error) {
	v := ggufVocabulary{Metadata: m}
	kind, ok := m.Text(ggufPrefix + "model")
	if !ok {
		return nil, fmt.Errorf("the file has no tokenizer: %smodel is missing or no text", ggufPrefix)
	}
	read := map[string]func() (*Tokenizer, error){"llama": v.sentencePiece, "gpt2": v.bytes}[kind]
	if read == nil {
		return nil, fmt.Errorf("%smodel is %q, want llama (SentencePiece) or gpt2 (byte-pair encoding): "+
			"others are not supported", ggufPrefix, kind)
	}
	if err := v.readTokens(); err != nil {
		return nil, err
	}
	var hash string
	var beside mapped.Group
	beside.Go(func() { hash = v.hash() })
	t, err := read()
	if err == nil {
		err = v.finish(t, kind)
	}
	if err != nil {
		return nil, err
	}
	beside.Wait()
	t.hash = hash
	return t, nil
}

// readTokens reads the tokens and their types.
func (v *ggufVocabulary) readTokens() error {
	var ok bool
	if v.tokens, ok = v.Texts(ggufPrefix + "tokens"); !ok || len(v.tokens) == 0 {
		return fmt.Errorf("%stokens is missing, empty or no list of texts", ggufPrefix)
	}
	key := ggufPrefix + "token_type"
	if _, ok := v.Metadata[key]; !ok {
		return nil
	}
	numbers, ok := v.Metadata[key].([]int64)
	if !ok || len(numbers) != len(v.tokens) {
		return fmt.Errorf("%s is no list of %d int32, one for each token", key, len(v.tokens))
	}
	v.kinds = make([]kind, len(numbers))
	for id, n := range numbers {
		v.kinds[id] = kind(n)
		switch v.kinds[id] {
		case 0: // undefined
			v.kinds[id] = normal
		case normal, unknown, control, userDefined, unused, byteValue:
		default:
			return fmt.Errorf("%s: token %d, %q, is of unknown type %d", key, id, v.tokens[id], n)
		}
		if v.kinds[id] != unknown && endsGeneration(v.tokens[id]) {
			v.kinds[id] = control // whatever the converter made of it, as in llama.cpp
		}
	}
	return nil
}

// id returns the token that a key names, or otherwise where the file lacks the key. 2³²-1 stands for none, and so do
// ids beyond the tokens for what no text needs: <pad> of LLaMA 2's descendants often has no row.
func (v *ggufVocabulary) id(name string, otherwise int32) (int32, error) {
	key := ggufPrefix + name + "_token_id"
	if _, ok := v.Metadata[key]; !ok {
		if int(otherwise) >= len(v.tokens) {
			otherwise = -1
		}
		return otherwise, nil
	}
	switch n, ok := v.Int(key); {
	case ok && (n == math.MaxUint32 || n == -1):
		return -1, nil
	case ok && n >= len(v.tokens) && !slices.Contains([]string{"bos", "eos", "unknown"}, name):
		return -1, nil
	case !ok || n < 0 || n >= len(v.tokens):
		return -1, fmt.Errorf("%s is %v, want a token below %d", key, v.Metadata[key], len(v.tokens))
	default:
		return int32(n), nil
	}
}

// flag returns a truth value of the file, or otherwise where it lacks the key.
func (v *ggufVocabulary) flag(name string, otherwise bool) (bool, error) {
	key := ggufPrefix + name
	if _, ok := v.Metadata[key]; !ok {
		return otherwise, nil
	}
	on, ok := v.Bool(key)
	if !ok {
		return false, fmt.Errorf("%s is %v, want true or false", key, v.Metadata[key])
	}
	return on, nil
}

// addedTokens returns the tokens that are found in text before any merge: control tokens, and user-defined ones, which
// Encode finds too.
func (v *ggufVocabulary) addedTokens() []addedToken {
	var list []addedToken
	name, _ := v.Text("general.name")
	name = strings.ToLower(name)
	strips := strings.Contains(name, "phi-3") || strings.Contains(name, "phi3")
	for id, k := range v.kinds {
		a := addedToken{ID: int32(id), Content: v.tokens[id], Special: k != userDefined}
		if a.Content == "" || k != control && k != userDefined && k != unknown {
			continue
		}
		// The flags of added tokens have no key: llama.cpp knows those of Phi-3 by the model's name.
		a.RStrip = strips && !slices.Contains([]string{"<unk>", "<s>", "<|endoftext|>"}, a.Content)
		list = append(list, a)
	}
	return list
}

// finish sets the tokens that a text and an answer begin and end with.
func (v *ggufVocabulary) finish(t *Tokenizer, kind string) error {
	usual := map[string]int32{"bos": -1, "eos": -1, "unknown": -1, "padding": -1}
	if kind == "llama" {
		usual["bos"], usual["eos"], usual["unknown"] = 1, 2, 0
	}
	ids := map[string]int32{}
	for name, otherwise := range usual {
		var err error
		if ids[name], err = v.id(name, otherwise); err != nil {
			return err
		}
	}
	prefix, err := v.flag("add_space_prefix", true)
	if err != nil {
		return err
	}
	t.addsNoSpace = !prefix
	t.bos, t.eos, t.unk, t.pad = ids["bos"], ids["eos"], ids["unknown"], ids["padding"]
	pre, _ := v.Text(ggufPrefix + "pre")
	begins, err := v.flag("add_bos_token", kind == "llama" || layoutOf(pre).bos)
	if err != nil {
		return err
	}
	ends, err := v.flag("add_eos_token", false)
	if err != nil {
		return err
	}
	if begins && t.bos >= 0 {
		t.before = []int32{t.bos}
	}
	if ends && t.eos >= 0 {
		t.after = []int32{t.eos}
	}
	t.ends, err = v.ends(t.pieces)
	return err
}

// hash returns the SHA-256 of the keys about the tokenizer in hexadecimal, the same whatever else the file holds.
func (v *ggufVocabulary) hash() string {
	h := sha256.New()
	var buffer []byte
	text := func(s string) {
		buffer = append(binary.LittleEndian.AppendUint64(buffer, uint64(len(s))), s...)
		if len(buffer) > 1<<16 {
			h.Write(buffer)
			buffer = buffer[:0]
		}
	}
	var keys []string
	for key := range v.Metadata {
		if strings.HasPrefix(key, ggufPrefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		text(key)
		switch value := v.Metadata[key].(type) {
		case []string:
			for _, s := range value {
				text(s)
			}
		case []int64:
			for _, n := range value {
				buffer = binary.LittleEndian.AppendUint64(buffer, uint64(n))
			}
		case []float64:
			for _, x := range value {
				buffer = binary.LittleEndian.AppendUint64(buffer, math.Float64bits(x))
			}
		default:
			text(fmt.Sprint(value))
		}
	}
	h.Write(buffer)
	return hex.EncodeToString(h.Sum(nil))
}
