package tokenizer

import (
	"math/rand/v2"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// Characters that the vocabulary lacks come byte by byte: whatever tokens end up in one piece of a stream, the piece is
// whole characters, and the pieces are the text.
func TestC13StreamedPiecesAreWholeCharacters(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 13))
	tok := toy(t, false)
	for range 500 {
		text := random(rng, " abcxé中😀ß€\n", 1+rng.IntN(30))
		ids := tok.Encode(text)
		s, streamed := tok.NewStream(), ""
		for at := 0; at < len(ids); {
			piece := ""
			for end := min(len(ids), at+1+rng.IntN(5)); at < end; at++ {
				piece += s.Push(ids[at])
			}
			require.True(t, utf8.ValidString(piece) && piece != "\ufffd", "%q of %q", piece, text)
			streamed += piece
		}
		require.Empty(t, s.Flush(), text)
		require.Equal(t, text, streamed)

		// An answer continues a prompt, wherever the prompt ends.
		cut := rng.IntN(len(ids))
		rest := tok.Resume()
		said := ""
		for _, id := range ids[cut:] {
			said += rest.Push(id)
		}
		require.True(t, utf8.ValidString(said))
		if prompt := tok.Decode(ids[:cut]); cut > 0 && !containsReplacement(prompt) {
			require.Equal(t, text, prompt+said+rest.Flush(), "cut at token %d", cut)
		}
	}
}

func containsReplacement(text string) bool {
	for _, r := range text {
		if r == utf8.RuneError {
			return true
		}
	}
	return false
}
