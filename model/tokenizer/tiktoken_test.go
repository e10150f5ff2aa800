package tokenizer_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model/tokenizer"
)

// ranks is a tiktoken-style file: the bytes, then n-256 longer and longer runs
// of a.
func ranks(n int) string {
	var b strings.Builder
	for i := range n {
		token := string([]byte{byte(i)})
		if i >= 256 {
			token = strings.Repeat("a", i-254)
		}
		fmt.Fprintf(&b, "%s %d\n", base64.StdEncoding.EncodeToString([]byte(token)), i)
	}
	return b.String()
}

func TestTiktoken(t *testing.T) {
	tok, err := tokenizer.Parse([]byte(ranks(258)))
	require.NoError(t, err)
	require.Equal(t, 258+256, tok.Size())
	require.Equal(t, "<|begin_of_text|>", tok.Piece(tok.BOS()))
	require.Equal(t, "<|end_of_text|>", tok.Piece(tok.EOS()))
	for id, name := range map[int32]string{
		0: "<|begin_of_text|>", 2: "<|reserved_special_token_0|>", 6: "<|start_header_id|>", 7: "<|end_header_id|>",
		8: "<|reserved_special_token_4|>", 9: "<|eot_id|>", 10: "<|reserved_special_token_5|>",
		255: "<|reserved_special_token_250|>",
	} {
		require.Equal(t, name, tok.Piece(258+id))
		require.True(t, tok.Control(258+id))
	}
	require.Equal(t, []int32{'b', ' ', 257}, tok.Encode("b aaa"))
	require.Equal(t, []int32{256, 256}, tok.Encode("aaaa"), "the leftmost pair of the lowest rank first")
	require.Equal(t, "Ġ", tok.Piece(' '))
	require.Equal(t, "é\ufffd", tok.Decode(append(tok.Encode("é"), 0xc3)))
}

func TestAPieceAsAWordIsThatPiece(t *testing.T) {
	tok, err := tokenizer.Parse([]byte(ranks(256) + "eHl6 256\n")) // xyz, and no way to merge to it
	require.NoError(t, err)
	require.Equal(t, []int32{256}, tok.Encode("xyz"))
	require.Equal(t, []int32{'a', 'x', 'y', 'z'}, tok.Encode("axyz"))
}

func TestTiktokenThatIsBroken(t *testing.T) {
	good := ranks(256)
	for text, want := range map[string]string{
		good + "IQ== 33\n":                        "rank 33 occurs twice",
		good + "IQ== 256\n":                       `piece "!" occurs twice`,
		good + "YWE= 99999999\n":                  "rank 99999999 in a file of 257 lines",
		good + "YWE=\n":                           "line 257",
		good + "?? 256\n":                         "line 257",
		strings.SplitAfterN(good, "\n", 6)[0]:     "no piece for the byte 0x01",
		strings.Replace(good, " 7\n", " -7\n", 1): "rank -7",
	} {
		_, err := tokenizer.Parse([]byte(text))
		require.ErrorContains(t, err, want)
	}
}
