package tokenizer_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model/tokenizer"
)

// BenchmarkEncode encodes the answers of 5,000 rows of Alpaca.
func BenchmarkEncode(b *testing.B) {
	root := shared(b)
	text, err := os.ReadFile(filepath.Join(root, "data/datasets/alpaca/alpaca_5000.json"))
	require.NoError(b, err)
	var rows []struct{ Output string }
	require.NoError(b, json.Unmarshal(text, &rows))
	size := 0
	for _, r := range rows {
		size += len(r.Output)
	}
	for name, path := range files(b, root) {
		b.Run(name, func(b *testing.B) {
			tok, err := tokenizer.Load(path)
			require.NoError(b, err)
			b.SetBytes(int64(size))
			for b.Loop() {
				for _, r := range rows {
					tok.Encode(r.Output)
				}
			}
		})
	}
}

// BenchmarkLoad reads the files.
func BenchmarkLoad(b *testing.B) {
	for name, path := range files(b, shared(b)) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, err := tokenizer.Load(path)
				require.NoError(b, err)
			}
		})
	}
}
