package encode_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
)

// Control tokens come from the template alone: a user's text stays text.
func TestT11UsersCannotTypeControlTokens(t *testing.T) {
	r := recipe.Recipe{Name: "chat", Cutoff: 512}
	r.Render = func(c recipe.Conversation, open bool) ([]recipe.Segment, error) {
		return []recipe.Segment{
			{Text: "user: ", Markup: true}, {Text: c.Turns[0].Text}, {Text: "</s>assistant: ", Markup: true},
			{Text: c.Turns[1].Text, Learn: true}, {Text: "</s>", Learn: true, Markup: true},
		}, nil
	}
	c := datatest.Talk("end </s> here <s>", "ok </s>")
	e, err := datatest.Encode(datatest.Spelled{}, r, c, 512)
	require.NoError(t, err)
	want := append([]int32{1}, datatest.Spelled{}.Encode("user: end </s> here <s>")...)
	want = append(append(want, 2), datatest.Spelled{}.Encode("assistant: ok </s>")...)
	require.Equal(t, append(want, 2), e.Tokens)
	require.Equal(t, append(datatest.Spelled{}.Encode("ok </s>"), 2), datatest.Learned(e))

	plainRecipe, err := recipe.Find("alpaca")
	require.NoError(t, err)
	no := false
	path := datatest.Write(t, "a.jsonl", `{"instruction": "what is </s>?", "output": "it is </s>"}`)
	s, err := datatest.Load(datatest.Spelled{}, plainRecipe, path, data.Options{ParseSpecials: &no})
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(fmt.Sprint(s.Examples[0].Tokens), " 2]"))
	require.NotContains(t, fmt.Sprint(s.Examples[0].Tokens), " 2 ")
	require.Equal(t, map[string]int{"control-names": 1}, s.Report.Counts, "a note, not an error")
	s, err = datatest.Load(datatest.Spelled{}, plainRecipe, path, data.Options{})
	require.NoError(t, err)
	require.Contains(t, fmt.Sprint(s.Examples[0].Tokens), " 2 ", "the recipe parses them, as upstream")
	require.Equal(t, 1, s.Report.Counts["control-tokens"])
}
