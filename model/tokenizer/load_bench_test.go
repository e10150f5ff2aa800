package tokenizer_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model/tokenizer"
)

// BenchmarkLoadLarge reads vocabularies of 49,152 and 128,256 tokens.
func BenchmarkLoadLarge(b *testing.B) {
	for name, path := range map[string]string{
		"SmolLM2": os.Getenv("FETTLE_SMOLLM2"),
		"LLaMA 3": filepath.Join(os.Getenv("FETTLE_VOCAB"), "ggml-vocab-llama-bpe.gguf"),
	} {
		if _, err := os.Stat(path); err != nil {
			continue
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, err := tokenizer.Load(path)
				require.NoError(b, err)
			}
		})
	}
}
