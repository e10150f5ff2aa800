package tokenizer_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model/tokenizer"
)

// goldenGGUF returns the directory of vectors that llama.cpp and the tokenizers library made, or skips the test.
func goldenGGUF(t *testing.T) string {
	shared := os.Getenv("FETTLE_DATA")
	if shared == "" {
		shared = "../../../shared"
	}
	dir := filepath.Join(shared, "golden", "gguf")
	if _, err := os.Stat(filepath.Join(dir, "vocab")); err != nil {
		t.Skipf("no reference data in %s", dir)
	}
	return dir
}

// material returns the file that an environment variable names, or skips the test.
func material(t *testing.T, variable, what string) string {
	path := os.Getenv(variable)
	if path == "" {
		t.Skipf("%s is not set: %s", variable, what)
	}
	return path
}

// readLines decodes a file with a JSON value a line.
func readLines[T any](t *testing.T, path string) []T {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var list []T
	for decoder := json.NewDecoder(strings.NewReader(string(text))); decoder.More(); {
		var one T
		require.NoError(t, decoder.Decode(&one))
		list = append(list, one)
	}
	require.NotEmpty(t, list)
	return list
}

// TestVocabulariesOfGGUFHaveLlamaCppsIds reads the vocabularies that llama.cpp publishes, ggml-vocab-NAME.gguf in the
// directory FETTLE_VOCAB.
func TestVocabulariesOfGGUFHaveLlamaCppsIds(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(goldenGGUF(t), "vocab", "*.jsonl"))
	require.NoError(t, err)
	dir := material(t, "FETTLE_VOCAB", "the directory of llama.cpp's vocabularies")
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".jsonl")
		t.Run(name, func(t *testing.T) {
			tok, err := tokenizer.Load(filepath.Join(dir, "ggml-vocab-"+name+".gguf"))
			require.NoError(t, err)
			for _, line := range readLines[struct {
				Text string
				IDs  []int32
			}](t, path) {
				require.Equal(t, line.IDs, append([]int32{}, tok.Encode(line.Text)...), "%q", line.Text)
			}
		})
	}
}

// TestSmolLM2TextsHaveTheTokenizersLibrarysIds reads SmolLM2-135M-Instruct's GGUF at FETTLE_SMOLLM2.
func TestSmolLM2TextsHaveTheTokenizersLibrarysIds(t *testing.T) {
	dir := goldenGGUF(t)
	tok, err := tokenizer.Load(material(t, "FETTLE_SMOLLM2", "SmolLM2-135M-Instruct as GGUF"))
	require.NoError(t, err)
	for _, line := range readLines[struct {
		Text, Decoded string
		IDs           []int32
	}](t, filepath.Join(dir, "smollm2_texts.jsonl")) {
		ids := tok.EncodeSpecial(line.Text)
		require.Equal(t, line.IDs, append([]int32{}, ids...), "%q", line.Text)
		decoded := line.Decoded
		for id := range int32(17) { // the golden keeps control tokens
			decoded = strings.ReplaceAll(decoded, tok.Piece(id), "")
		}
		require.Equal(t, decoded, tok.Decode(ids), "%q", line.Text)
	}
	before, after := tok.Specials()
	require.Empty(t, before)
	require.Empty(t, after)
	require.Equal(t, []int32{1, 2}, []int32{tok.BOS(), tok.EOS()})
}
