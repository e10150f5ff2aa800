package tokenizer

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// llama2cFile returns a tokenizer.bin of pieces behind the bytes; with old these are bytes, not names.
func llama2cFile(old bool, pieces ...string) []byte {
	names := []string{"<unk>", "\n<s>\n", "\n</s>\n"}
	for b := range 256 {
		name := byteSpelling(byte(b))
		if old {
			name = string([]byte{byte(b)})
		}
		names = append(names, name)
	}
	text := binary.LittleEndian.AppendUint32(nil, 7)
	for i, name := range append(names, pieces...) {
		score := float32(0)
		if i >= len(names) {
			score = float32(len(names) - i)
		}
		text = binary.LittleEndian.AppendUint32(text, math.Float32bits(score))
		text = append(binary.LittleEndian.AppendUint32(text, uint32(len(name))), name...)
	}
	return text
}

func TestLlama2CsVocabulariesAreSentencePieces(t *testing.T) {
	for _, old := range []bool{false, true} {
		file := llama2cFile(old, " a", "ab", " ", "a", "b")
		tok, err := Parse(file)
		require.NoError(t, err)
		require.Equal(t, []int32{259, 263, 260, 3 + '\n'}, tok.Encode("abab\n"))
		require.Equal(t, "abab\n", tok.Decode(tok.Encode("abab\n")))
		require.Equal(t, []int32{1, 2}, []int32{tok.BOS(), tok.EOS()})
		require.Equal(t, "</s>", tok.Piece(2))
		require.Equal(t, "▁a", tok.Piece(259))
		before, _ := tok.Specials()
		require.Equal(t, []int32{1}, before)
		for n := 20; n < len(file); n += 7 {
			_, err := Parse(file[:n])
			if n < len(file)-60 {
				require.Error(t, err, "cut at %d", n)
			}
		}
	}
	wrong := []byte(strings.Replace(string(llama2cFile(false, " a")), "<0x00>", "<0x99>", 1))
	_, err := Parse(wrong)
	require.ErrorContains(t, err, `token 3 is "<0x99>", want the byte 0x00`)
	cut := llama2cFile(false, " a")
	_, err = Parse(cut[:len(cut)-1])
	require.ErrorContains(t, err, "token 259 has 2 bytes, 1 are left: it is truncated")
}

// The tokenizer of a model that is a file lies beside it, in the places that each format has.
func TestTokenizersAreFoundBesideWeights(t *testing.T) {
	llama2, err := os.ReadFile("testdata/llama2.json")
	require.NoError(t, err)
	vocabulary := llama2cFile(false, " a", "a")
	weights := "\x08\x00\x00\x00\x00\x00\x00\x00{}      "
	for _, c := range []struct {
		name  string
		files map[string]string
		path  string
		want  string // of the error; "": the tokenizer is read
	}{
		{"safetensors", map[string]string{"model.safetensors": weights, "tokenizer.json": string(llama2)},
			"model.safetensors", ""},
		{"llama2.c", map[string]string{"m.bin": "24ka", "tokenizer.bin": string(vocabulary)}, "m.bin", ""},
		{"a directory", map[string]string{"tokenizer.bin": string(vocabulary)}, ".", ""},
		{"the only tok*.bin", map[string]string{"m.bin": "24ka", "tok2.bin": string(vocabulary)}, "m.bin", ""},
		{"two of them", map[string]string{"m.bin": "24ka", "tok2.bin": string(vocabulary), "tok.bin": string(vocabulary)},
			"m.bin", "which one is it?"},
		{"a directory has no other names", map[string]string{"tok2.bin": string(vocabulary)}, ".", "neither tokenizer"},
		{"none", map[string]string{"m.bin": "24ka"}, "m.bin", "neither tokenizer.model"},
		{"Meta's, one directory up", map[string]string{"7B/params.json": "{}", "7B/consolidated.00.pth": "PK\x03\x04",
			"tokenizer.model": string(vocabulary)}, "7B", ""},
		{"the same by a file", map[string]string{"7B/params.json": "{}", "7B/consolidated.00.pth": "PK\x03\x04",
			"tokenizer.model": string(vocabulary)}, "7B/consolidated.00.pth", ""},
		{"not Meta's", map[string]string{"7B/config.json": "{}", "tokenizer.model": string(vocabulary)}, "7B",
			"neither tokenizer.model"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range c.files {
				path := filepath.Join(dir, filepath.FromSlash(name))
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
				require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
			}
			tok, err := Load(filepath.Join(dir, c.path))
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
				return
			}
			require.NoError(t, err)
			require.NotEmpty(t, tok.Encode("a"))
		})
	}
}

// Properties of expressions have the characters of Unicode 16.
func TestExpressionsKnowUnicode16(t *testing.T) {
	for expression, text := range map[string]string{
		`\p{N}`: "\U00010d40", `[^\p{L}]`: "1", `[\p{L}x]`: "\u1c8a", `\P{N}`: "a", `\p{Lu}`: "\ua7da",
		`[\]\p{M}]`: "\u0897", `\p{S}+`: "\u2427\u2428", `\p{P}`: "\u1b7f",
	} {
		p, err := newPattern(expression)
		require.NoError(t, err, expression)
		var parts []string
		p.split(text, func(part string, match bool) {
			require.True(t, match, "%s %q", expression, part)
			parts = append(parts, part)
		})
		require.Equal(t, []string{text}, parts, expression)
	}
	for expression, text := range map[string]string{`\P{N}`: "\U00010d40", `[^\p{L}]`: "\u1c8a"} {
		p, err := newPattern(expression)
		require.NoError(t, err)
		p.split(text, func(_ string, match bool) { require.False(t, match, expression) })
	}
}
