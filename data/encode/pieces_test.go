package encode

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"fettle/data/recipe"
	"fettle/model/tokenizer"
)

// Some letters are also bytes in GPT-2's alphabet: Ã is the letter and the first byte
// of é.
func TestPiecesSpellTheText(t *testing.T) {
	for _, name := range []string{"llama3", "llama2"} {
		tok, err := tokenizer.Load("../../model/tokenizer/testdata/" + name + ".json")
		require.NoError(t, err)
		e := New(tok, recipe.Recipe{})
		for _, text := range []string{"Ã", "Ã©", "aÃ bĠc", "é\n", "Ġthe ĊÃ", "中文 the\t1234", "ÃÃÃ \u00a0Â"} {
			ids := tok.Encode(text)
			starts, ok := e.starts(text, ids)
			require.True(t, ok, "%s: %q", name, text)
			for i := 1; i < len(ids) && name == "llama3"; i++ {
				require.Equal(t, utf8.RuneCountInString(tok.Piece(ids[i-1])), starts[i]-starts[i-1],
					"%q: a letter is a byte", text)
			}
		}
	}
}
