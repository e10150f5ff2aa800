package recipe_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data/recipe"
)

// turns returns a conversation of empty-handed authors: u, a, s and t stand for a turn each.
func turns(authors string) recipe.Conversation {
	var c recipe.Conversation
	for _, r := range authors {
		role := map[rune]recipe.Role{'u': recipe.User, 'a': recipe.Assistant, 's': recipe.System, 't': recipe.Tool}[r]
		c.Turns = append(c.Turns, recipe.Turn{Role: role, Text: string(r)})
	}
	return c
}

func TestCheckNamesWhatAPromptWouldLose(t *testing.T) {
	for _, c := range []struct{ recipe, turns, want string }{
		{"alpaca", "u", ""},
		{"alpaca", "uau",
			"recipe alpaca takes one instruction: of 3 turns (user, assistant, user), the first 2 would be left out"},
		{"chatdoctor-lora", "uauauau",
			"of 7 turns (user, assistant, user, assistant, user, assistant, …), the first 6"},
		{"gpt4all", "uau", "recipe gpt4all takes one instruction: of 3 turns"},
		{"gpt4all", "u", ""},
		{"llama-adapter", "a", "recipe llama-adapter takes an instruction, got a turn of the assistant's"},
		{"vicuna", "uau", ""},
		{"vicuna", "auau",
			"leaves out the assistant's turns before the first question (assistant, user, assistant, user)"},
		{"koala", "auau", ""},
		{"baize", "uatau", ""},
		{"vicuna", "usu", "recipe vicuna has no place for a system message behind the first turn, in turn 2"},
		{"alpaca", "", "recipe alpaca: the conversation is empty"},
	} {
		r, err := recipe.Find(c.recipe)
		require.NoError(t, err)
		err = r.Check(turns(c.turns))
		if c.want == "" {
			require.NoError(t, err, c.recipe)
		} else {
			require.ErrorContains(t, err, c.want)
		}
	}
	r, err := recipe.Find("vicuna")
	require.NoError(t, err)
	c := turns("su")
	c.System = "Be brief."
	require.EqualError(t, r.Check(c), "recipe vicuna has no place for a second system message, in turn 1")
	c = turns("u")
	c.Tools = `[{"name": "f"}]`
	require.EqualError(t, r.Check(c), "recipe vicuna has no place for tools")
	c.Tools = "[]"
	require.NoError(t, r.Check(c))
}

func TestSystemMessageStandsBeforeTheInstruction(t *testing.T) {
	for _, name := range []string{"alpaca-lora-short", "gpt4all"} {
		r, err := recipe.Find(name)
		require.NoError(t, err)
		c := turns("u")
		c.System = "Be brief."
		segments, err := r.PromptSegments(c)
		require.NoError(t, err)
		require.Contains(t, segments[0].Text, "Be brief.\n\nu")
	}
}
