package tokenizer

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

func TestTextIsWhatATokenStandsFor(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, tinymodel.WriteTokenizer(dir))
	tok, err := Load(dir)
	require.NoError(t, err)
	for id, want := range map[int32]string{-1: "", 2: "", 3 + '{': "{", 3 + 0xc3: "\xc3", 259: " ", 1 << 20: ""} {
		require.Equal(t, want, tok.Text(id), id)
	}
}
