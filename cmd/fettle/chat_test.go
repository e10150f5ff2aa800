package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data/recipe"
	"fettle/internal/tinymodel"
	"fettle/model/serve"
)

func TestChatSeesEarlierTurns(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	chat := func(recipe, typed string) []string {
		code, out, stderr := call(typed, "chat", "--model_name_or_path", base, "--recipe", recipe, "--max_new_tokens",
			"8", "--temperature", "0", "--repetition_penalty", "1.3")
		require.Zero(t, code, stderr)
		return strings.Split(out, "\n> ")[1:]
	}
	alone := chat("vicuna", "two\n")[0]
	told := chat("vicuna", "one\ntwo\n/reset\ntwo\n")
	require.NotEqual(t, alone, told[1], "the first message counts")
	require.Equal(t, alone, told[3], "after /reset it does not")
	single := chat("alpaca", "one\ntwo\n")
	require.Equal(t, chat("alpaca", "two\n")[0], single[1], "a recipe for single instructions")
	require.NotEqual(t, alone, chat("vicuna", "/system Be a pirate.\ntwo\n")[1])
	retried := chat("vicuna", "two\n/retry\n")
	require.Equal(t, retried[0], retried[1], "greedy: the same again")
}

func TestLongConversationsLoseTheirBeginning(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	s, err := source{Model: base, Recipe: "vicuna", Compute: "f32"}.open()
	require.NoError(t, err)
	c := s.Converse()
	var said recipe.Conversation
	for i := range 200 {
		said.Turns = append(said.Turns, recipe.Turn{Role: []recipe.Role{recipe.User, recipe.Assistant}[i%2],
			Text: "some words"})
	}
	said.Turns = append(said.Turns, recipe.Turn{Role: recipe.User, Text: "the last"})
	prompt, forgotten, err := c.Fit(&said, 64)
	require.NoError(t, err)
	require.Less(t, len(prompt), 512-64)
	require.Equal(t, 201, forgotten+len(said.Turns))
	require.Equal(t, recipe.User, said.Turns[0].Role, "it begins with a question")
	require.Equal(t, "the last", said.Turns[len(said.Turns)-1].Text)
	again, forgotten, err := c.Fit(&said, 64)
	require.NoError(t, err)
	require.Zero(t, forgotten)
	require.Equal(t, prompt, again)
}

func TestServeHoldsConversations(t *testing.T) {
	e := served(t, source{Model: tiny(t, tinymodel.Config{}), Recipe: "vicuna", Compute: "f32"})
	ask := func(messages ...serve.Message) int {
		_, result := reply(t, e, serve.Request{Model: e.Models()[0], Messages: messages})
		return result.PromptTokens
	}
	one := ask(serve.Message{Role: "user", Content: "a"})
	require.Greater(t, ask(serve.Message{Role: "user", Content: "a"}, serve.Message{Role: "assistant", Content: "b"},
		serve.Message{Role: "user", Content: "c"}), one)
	require.NotEqual(t, one, ask(serve.Message{Role: "system", Content: "s"},
		serve.Message{Role: "user", Content: "a"}))
	_, err := e.Answer(t.Context(), serve.Request{Model: e.Models()[0],
		Messages: []serve.Message{{Role: "assistant", Content: "a"}}}, nil)
	require.ErrorContains(t, err, "the last message must be the user's")
}
