package recipe_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data/internal/datatest"
	"fettle/data/recipe"
)

// The prompts of the systems' own chats, as their code renders them.
func TestUpstreamChatsEqual(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(datatest.Shared(t), "golden/seeds_golden_misc.json"))
	require.NoError(t, err)
	var misc struct{ Strings map[string]any }
	require.NoError(t, json.Unmarshal(text, &misc))
	for _, c := range []struct {
		key, recipe string
		upstream    bool
		recipe.Conversation
	}{
		{"fc_vicuna_v1.1", "vicuna", false, datatest.Talk("{q1}", "{a1}", "{q2}")},
		{"fc_koala_v1", "koala", false, datatest.Talk("{q1}", "{a1}", "{q2}")},
		{"fc_baize", "baize", true, datatest.Talk("{q1}", "{a1}", "{q2}")},
		{"v0_infer", "vicuna-v0", true, datatest.Talk("{question}")},
		{"g4a_bind", "gpt4all", true, datatest.Talk("{user}")},
	} {
		t.Run(c.key, func(t *testing.T) {
			r, err := recipe.Find(c.recipe)
			require.NoError(t, err)
			d := r.Dialogue
			if c.upstream {
				d = r.Upstream
			} else {
				spaced := *d
				spaced.Gap = " "
				d = &spaced
			}
			got := datatest.Text(t, d, c.Conversation, "</s>")
			require.Equal(t, misc.Strings[c.key], got)
		})
	}
	r, err := recipe.Find("chatdoctor")
	require.NoError(t, err)
	got := datatest.Text(t, r.Upstream, datatest.Talk("It hurts."), "")
	history := "ChatDoctor: I am ChatDoctor, what medical questions do you have?\n\nPatient: It hurts."
	require.Equal(t, strings.ReplaceAll(misc.Strings["cd_chat"].(string), "{history}", history), got)
	baize, err := recipe.Find("baize")
	require.NoError(t, err)
	require.Equal(t, misc.Strings["baize_demo"], baize.Upstream.System+baize.Upstream.SystemEnd)
	early, err := recipe.Find("vicuna-v0")
	require.NoError(t, err)
	require.Equal(t, misc.Strings["v0_conv_v1_2_prefix"], early.Upstream.System+early.Upstream.SystemEnd+"###")
	for name, keys := range map[string][2]string{
		"alpaca": {"alpaca_in", "alpaca_no"}, "alpaca-lora": {"al_alpaca_in", "al_alpaca_no"},
		"alpaca-lora-legacy": {"al_alpaca_legacy_in", "al_alpaca_legacy_no"},
		"alpaca-lora-short":  {"al_alpaca_short_in", "al_alpaca_short_no"}, "alpaca-lora-vigogne": {"al_vigogne_in",
			"al_vigogne_no"},
		"chatdoctor-lora": {"cd_lora_in", "cd_lora_no"},
	} {
		r, err := recipe.Find(name)
		require.NoError(t, err)
		for i, form := range []string{r.Template.WithInput, r.Template.NoInput} {
			require.Equal(t, strings.TrimSuffix(misc.Strings[keys[i]].(string), "{output}"), form, keys[i])
		}
		if split, ok := misc.Strings[strings.TrimSuffix(keys[1], "_no")+"_split"]; ok {
			require.Equal(t, split, r.Template.Split, keys[1])
		}
	}
}

// The 100 prompts that another program rendered from real records.
func TestRenderedPromptsEqual(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(datatest.Shared(t), "data/datasets/alpaca/alpaca_tiny.json"))
	require.NoError(t, err)
	var rows []struct{ Instruction, Input, Output, Text string }
	require.NoError(t, json.Unmarshal(text, &rows))
	require.Len(t, rows, 100)
	r, err := recipe.Find("alpaca-lora")
	require.NoError(t, err)
	for _, row := range rows {
		require.Equal(t, row.Text, r.Template.Prompt(row.Instruction, row.Input)+row.Output)
	}
}
