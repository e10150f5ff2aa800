package chat_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data/encode"
	"fettle/data/recipe"
	"fettle/model/chat"
	"fettle/model/tokenizer"
)

// TestChatsOfSmolLM2EqualTransformers renders golden dialogues by the template in SmolLM2-135M-Instruct's GGUF, at
// FETTLE_SMOLLM2. Names of control tokens that a message holds become text here, and control tokens in the golden ids.
func TestChatsOfSmolLM2EqualTransformers(t *testing.T) {
	path := os.Getenv("FETTLE_SMOLLM2")
	if path == "" {
		t.Skip("FETTLE_SMOLLM2 is not set: SmolLM2-135M-Instruct as GGUF")
	}
	shared := os.Getenv("FETTLE_DATA")
	if shared == "" {
		shared = "../../../shared"
	}
	text, err := os.ReadFile(filepath.Join(shared, "golden", "gguf", "smollm2_chats.jsonl"))
	if err != nil {
		t.Skip(err)
	}
	tok, err := tokenizer.Load(path)
	require.NoError(t, err)
	r, from, err := chat.FindRecipe(chat.OwnTemplate, tok, path)
	require.NoError(t, err)
	require.Equal(t, path, from.Path)
	require.Equal(t, []string{"<|im_end|>"}, r.Ends)
	chats := 0
	for lines := json.NewDecoder(strings.NewReader(string(text))); lines.More(); chats++ {
		var golden struct {
			Messages     []struct{ Role, Content string }
			Text, Prompt string
			IDs          []int32
			PromptIDs    []int32 `json:"prompt_ids"`
		}
		require.NoError(t, lines.Decode(&golden))
		var c recipe.Conversation
		spelled := false
		for i, m := range golden.Messages {
			spelled = spelled || strings.Contains(m.Content, "<|")
			if i == 0 && m.Role == "system" {
				c.System, c.Silent = m.Content, m.Content == ""
				continue
			}
			c.Turns = append(c.Turns, recipe.Turn{Role: recipe.Role(m.Role), Text: m.Content})
		}
		check := func(open bool, want string, ids []int32) {
			segments, err := r.Render(c, open)
			require.NoError(t, err)
			whole := ""
			for _, s := range segments {
				whole += s.Text
			}
			require.Equal(t, want, whole)
			require.Equal(t, ids, tok.EncodeSpecial(whole), "%q", whole)
			e, err := encode.New(tok, r).Prompt(c)
			if require.NoError(t, err); !spelled && open {
				require.Equal(t, ids, e, "%q", whole)
			}
		}
		check(false, golden.Text, golden.IDs)
		c.Turns = c.Turns[:len(c.Turns)-1]
		check(true, golden.Prompt, golden.PromptIDs)
	}
	require.NotZero(t, chats)
}
