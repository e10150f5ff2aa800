package tokenizer_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model/tokenizer"
)

// shared is the reference material, at FETTLE_DATA or beside the repository.
func shared(t testing.TB) string {
	dir := os.Getenv("FETTLE_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("reference material not found; set FETTLE_DATA")
	}
	return dir
}

func TestVectors(t *testing.T) {
	root := shared(t)
	llama := "data/tokenizers/llama12/tokenizer.model"
	for _, c := range []struct {
		file, model string
		bos         bool // the vectors begin with BOS
	}{
		{"sp_llama12", llama, false},
		{"llamacpp_llama-spm", llama, false},
		{"llamajs", llama, true},
		{"sp_open_llama", "data/tokenizers/open_llama/tokenizer.model", false},
		{"llamacpp_llama-bpe", "data/tokenizers/llama3/tokenizer.model", false},
		{"sp_llama12", "data/tokenizers/llama12/tokenizer.json", false},
		{"llamacpp_llama-spm", "data/tokenizers/llama12/tokenizer.json", false},
		{"llamajs", "data/tokenizers/llama12/tokenizer.json", true},
		{"sp_tok512", "data/weights/stories260K/tok512.model", false},
	} {
		t.Run(c.file+" "+filepath.Base(c.model), func(t *testing.T) {
			tok, err := tokenizer.Load(filepath.Join(root, c.model))
			require.NoError(t, err)
			n := 0
			for _, v := range vectors(t, filepath.Join(root, "data/references/tokenizer_vectors", c.file+".jsonl")) {
				ids := tok.Encode(v.Text)
				if c.bos {
					ids = append([]int32{tok.BOS()}, ids...)
				}
				require.Equal(t, v.IDs, append([]int32{}, ids...), "%q", v.Text)
				want := v.Text
				if v.Decoded != nil {
					want = *v.Decoded
				}
				require.Equal(t, want, tok.Decode(v.IDs), "%q", v.Text)
				n++
			}
			t.Logf("%d texts encoded and decoded", n)
		})
	}
}

type vector struct {
	Text    string
	IDs     []int32
	Decoded *string
}

func vectors(t *testing.T, path string) []vector {
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	var all []vector
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var v vector
		require.NoError(t, json.Unmarshal(lines.Bytes(), &v))
		all = append(all, v)
	}
	require.NoError(t, lines.Err())
	require.NotEmpty(t, all)
	return all
}
