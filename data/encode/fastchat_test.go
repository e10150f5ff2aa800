package encode_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/encode"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
)

// fastChat masks as FastChat's trainer does: by the lengths of the parts of
// the rendered text, tokenized one by one. It is the plain twin of the spans.
func fastChat(tok encode.Tokenizer, text string, ids []int32, cutoff int) []int32 {
	labels := append([]int32(nil), ids...)
	ignore := func(from, to int) {
		for i := min(from, len(labels)); i < min(to, len(labels)); i++ {
			labels[i] = data.Ignore
		}
	}
	count := func(text string) int { return 1 + len(tok.EncodeSpecial(text)) }
	at := 1
	ignore(0, 1)
	for _, turn := range strings.Split(text, "</s>") {
		parts := strings.Split(turn, " ASSISTANT: ")
		if turn == "" || len(parts) != 2 {
			break
		}
		ignore(at, at+count(parts[0]+" ASSISTANT: ")-2)
		at += count(turn)
	}
	ignore(at, len(labels))
	if at < cutoff && at != len(ids) {
		ignore(0, len(labels))
	}
	return labels
}

func TestSpansEqualFastChatsMasks(t *testing.T) {
	tok := datatest.LLaMA(t)
	r, err := recipe.Find("vicuna")
	require.NoError(t, err)
	n := 0
	for _, file := range []string{"vicuna/dummy_conversation.json", "oasst/oasst_20230412_fr_1k.jsonl"} {
		for row, err := range datatest.Rows(filepath.Join(datatest.Shared(t), "data/datasets", file)) {
			require.NoError(t, err)
			var list []struct{ From, Role, Value, Content string }
			for _, key := range []string{"conversations", "conversation"} {
				if raw, ok := row.Fields[key]; ok {
					require.NoError(t, json.Unmarshal(raw, &list))
				}
			}
			var texts []string
			rendered := r.Dialogue.System + " "
			for i, m := range list {
				texts = append(texts, m.Value+m.Content)
				rendered += []string{"USER: ", "ASSISTANT: "}[i%2] + texts[i] + []string{" ", "</s>"}[i%2]
			}
			if len(texts)%2 == 1 {
				continue // FastChat learns nothing where a question ends it
			}
			for _, cutoff := range []int{2048, 300} {
				e, err := datatest.Encode(tok, r, datatest.Talk(texts...), cutoff)
				require.NoError(t, err)
				ids := append([]int32{1}, tok.EncodeSpecial(rendered)...)
				ids = ids[:min(len(ids), cutoff)]
				require.Equal(t, ids, e.Tokens)
				require.Equal(t, fastChat(tok, rendered, ids, cutoff), e.Labels)
			}
			if n++; n > 600 {
				break
			}
		}
	}
	require.Greater(t, n, 500)
}

// The time is linear in the text: otherwise this would not end.
func TestLongTextsAreNotQuadratic(t *testing.T) {
	tok := datatest.LLaMA(t)
	r, err := recipe.Find("vicuna")
	require.NoError(t, err)
	for _, text := range []string{strings.Repeat(" ", 1<<16), strings.Repeat("a", 1<<16), strings.Repeat("\n", 1<<16),
		strings.Repeat("</s", 1<<14), strings.Repeat("😀", 1<<13)} {
		var turns []string
		for range 8 {
			turns = append(turns, "q", text)
		}
		_, err := datatest.Encode(tok, r, datatest.Talk(turns...), 1<<30)
		require.NoError(t, err)
	}
}
