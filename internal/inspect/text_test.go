package inspect

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/internal/tinymodel"
	"fettle/model/tokenizer"
)

func TestATerminalShowsColours(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, tinymodel.WriteTokenizer(dir))
	tok, err := tokenizer.Load(dir)
	require.NoError(t, err)
	e := data.Example{Tokens: append([]int32{1}, append(tok.Encode("q"), append(tok.Encode("a"), 2)...)...)}
	e.Labels = append([]int32{data.Ignore, data.Ignore, data.Ignore}, e.Tokens[3:]...)
	v := View{Tokenizer: tok, Color: true}
	require.Equal(t, "\x1b[35m<s>\x1b[0mq\x1b[32m⟦\x1b[0m\x1b[32m a\x1b[0m\x1b[35m</s>\x1b[0m\x1b[32m⟧\x1b[0m",
		v.marked(e, visible))
	v.Color = false
	require.Equal(t, "<s>q⟦ a</s>⟧", v.marked(e, visible))
	require.Equal(t, "\x1b[1;31merror\x1b[0m double-bos: 1", View{Color: true}.finding("error double-bos: 1"))
}
