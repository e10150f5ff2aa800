package world_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/world"
	"fettle/model/tokenizer"
)

func TestTokenizerCoversTheWorld(t *testing.T) {
	corpus := world.Corpus(1, 1500)
	file := world.Tokenizer(corpus, 1024)
	require.Equal(t, file, world.Tokenizer(corpus, 1024))
	tok, err := tokenizer.Parse(file)
	require.NoError(t, err)
	require.LessOrEqual(t, tok.Size(), 1024)
	require.Equal(t, []int32{1, 2}, []int32{tok.BOS(), tok.EOS()})
	tokens, words := 0, 0
	for _, d := range append(corpus[:200], "### Instruction:\nTell me 中 what 12 is?\n\n### Response:\n") {
		ids := tok.Encode(d)
		require.Equal(t, d, tok.Decode(ids))
		tokens += len(ids)
		for _, c := range d {
			if c == ' ' {
				words++
			}
		}
	}
	t.Logf("%d pieces, %.2f tokens a word", tok.Size(), float64(tokens)/float64(words))
}
