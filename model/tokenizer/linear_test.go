package tokenizer

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Whatever pieces a file has, its pairs do not meet in the table: those of one right piece, of left pieces a power of
// two apart, once did.
func TestMergesAreFoundInFewSteps(t *testing.T) {
	const n = 1 << 14
	for _, apart := range []int32{1, 1 << 10, 1 << 14} {
		x := newRuleIndex(n)
		for i := range int32(n) {
			x.add(i*apart, 7, rule{id: i})
		}
		steps := 0
		for i := range int32(n) {
			slot, ok := x.slot(i*apart, 7)
			require.True(t, ok)
			require.Equal(t, i, x.rules[slot].id)
			steps += (slot - x.home(i*apart, 7)) & (len(x.pairs) - 1)
		}
		require.Less(t, steps/n, 64, "left pieces %d apart", apart)
	}
}

// Tokens that side files only name were looked for one by one in all pieces and all added tokens.
func TestManyNamedTokensTakeLinearTime(t *testing.T) {
	const n = 1 << 16
	vocabulary, added, names := map[string]int{}, map[string]int{}, []string{}
	for i := range n {
		vocabulary[fmt.Sprintf("v%d", i)] = i
		names = append(names, fmt.Sprintf("<n%d>", i))
		if i < n/2 {
			added[fmt.Sprintf("<a%d>", i)] = n + i
		}
	}
	dir := t.TempDir()
	for name, content := range map[string]any{
		"tokenizer.json": map[string]any{
			"added_tokens":  []any{map[string]any{"id": 0, "content": "v0", "special": true}},
			"pre_tokenizer": map[string]any{"type": "ByteLevel"}, "decoder": map[string]any{"type": "ByteLevel"},
			"model": map[string]any{"type": "BPE", "vocab": vocabulary, "merges": []string{}},
		},
		"added_tokens.json":       added,
		"special_tokens_map.json": map[string]any{"additional_special_tokens": names[:n/2]},
	} {
		text, err := json.Marshal(content)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tok, err := Load(dir)
		require.NoError(t, err)
		require.Equal(t, 2*n, tok.Size())
		id, ok := tok.ID("<n7>")
		require.True(t, ok)
		require.Equal(t, "<n7>", tok.Piece(id))
	}()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		require.Fail(t, "it takes the square of the tokens")
	}
}
