package data_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
)

// good is a row that every dialogue recipe learns.
const good = `{"conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": "y"}]}` + "\n"

// FastChat masks these conversations whole; the linter says so.
func TestMaskedConversationsAreNamed(t *testing.T) {
	for _, c := range []struct{ name, row, rule string }{
		{"a last question", `{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}, ` +
			`{"from": "human", "value": "r"}]}`, "role-order"},
		{"an empty question", `{"conversations": [{"from": "human", "value": ""}, {"from": "gpt", "value": "a"}]}`,
			"no-learned-tokens"},
		{"an empty last answer", `{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}, ` +
			`{"from": "human", "value": "r"}, {"from": "gpt", "value": ""}]}`, "no-learned-tokens"},
		{"the mark in a question", `{"conversations": [{"from": "human", "value": "say ASSISTANT: x"}, ` +
			`{"from": "gpt", "value": "a"}]}`, "no-learned-tokens"},
		{"an end in a later question",
			`{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}, ` +
				`{"from": "human", "value": "r </s> s"}, {"from": "gpt", "value": "b"}]}`, "no-learned-tokens"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := recipe.Find("vicuna")
			require.NoError(t, err)
			s, err := datatest.Load(datatest.Letters{}, r, datatest.Write(t, "a.jsonl", good+c.row), data.Options{})
			require.NoError(t, err)
			require.Zero(t, s.Examples[1].Learned())
			require.Equal(t, 1, s.Report.Counts[c.rule], s.Report.String())
		})
	}
}

// FastChat counts up to the cutoff only: behind it nothing is wrong any more.
func TestMasksFailBeforeTheCutoffOnly(t *testing.T) {
	r, err := recipe.Find("vicuna")
	require.NoError(t, err)
	row := `{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}, ` +
		`{"from": "human", "value": "r"}]}`
	path := datatest.Write(t, "a.jsonl", good+row)
	whole, err := datatest.Load(datatest.Letters{}, r, path, data.Options{})
	require.NoError(t, err)
	first := len(whole.Examples[0].Tokens)
	for cutoff, learned := range map[int]int{first: 3, first + 1: 0} {
		s, err := datatest.Load(datatest.Letters{}, r, path, data.Options{Cutoff: cutoff})
		require.NoError(t, err)
		require.Equal(t, learned, s.Examples[1].Learned(), cutoff)
	}
}

func TestTurnsThatARecipeLeavesOutAreNamed(t *testing.T) {
	for name, want := range map[string]int{"vicuna": 1, "vicuna-v0-released": 1, "baize": 2, "koala": 0} {
		r, err := recipe.Find(name)
		require.NoError(t, err)
		r.Stream = false
		row := `{"conversations": [{"from": "gpt", "value": "Hello."}, {"from": "human", "value": "q"}, ` +
			`{"from": "gpt", "value": "a"}, {"from": "human", "value": "r"}]}`
		s, err := datatest.Load(datatest.Letters{}, r, datatest.Write(t, "a.jsonl", good+row), data.Options{})
		require.NoError(t, err)
		require.Equal(t, want, s.Report.Counts["turns-dropped"], name)
		require.Equal(t, name != "baize", s.Report.Counts["role-order"] == 1, name)
	}
}

// Every recipe lays such a row out or names it with what it has no place for.
func TestRecipesRefuseWhatTheyHaveNoPlaceFor(t *testing.T) {
	const single = " takes one instruction and one answer, got "
	for _, c := range []struct{ name, row, single, dialogue string }{
		{"two system messages", `{"messages": [{"role": "system", "content": "s"}, {"role": "system", "content": "t"}, ` +
			`{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}`,
			" has no place for a second system message, in turn 1", " has no place for a second system message, in turn 1"},
		{"a system message amid the turns", `{"messages": [{"role": "user", "content": "q"}, ` +
			`{"role": "system", "content": "t"}, {"role": "assistant", "content": "a"}]}`,
			" has no place for a system message behind the first turn, in turn 2",
			" has no place for a system message behind the first turn, in turn 2"},
		{"two rounds", `{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}, ` +
			`{"role": "user", "content": "r"}, {"role": "assistant", "content": "b"}]}`,
			single + "4 turns (user, assistant, user, assistant)", ""},
		{"a greeting", `{"messages": [{"role": "assistant", "content": "a"}, {"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": "b"}]}`, single + "3 turns (assistant, user, assistant)", ""},
		{"two questions", `{"messages": [{"role": "user", "content": "q"}, {"role": "user", "content": "r"}]}`,
			single + "2 turns (user, user)", ""},
		{"a tool's result", `{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "f()"}, ` +
			`{"role": "tool", "content": "7"}, {"role": "assistant", "content": "b"}]}`,
			single + "4 turns (user, assistant, tool, assistant)", ""},
	} {
		datatest.EachRecipe(t, func(t *testing.T, r recipe.Recipe) {
			r.Stream = false
			path := datatest.Write(t, "a.jsonl", good+c.row)
			_, err := datatest.Load(datatest.Letters{}, r, path, data.Options{})
			want := c.single
			if r.Dialogue != nil {
				want = c.dialogue
			}
			if want == "" {
				require.NoError(t, err, c.name)
				return
			}
			name := r.Name
			if r.Render != nil {
				name = "gpt4all"
			}
			require.ErrorContains(t, err, "read "+path+":2: recipe "+name+want, c.name)
		})
	}
}

func TestRowsThatCleaningDropsAreCountedByReason(t *testing.T) {
	r, err := recipe.Find("vicuna")
	require.NoError(t, err)
	talk := `{"conversations": [{"from": "human", "value": "Where is the harbour?"}, ` +
		`{"from": "gpt", "value": "Down the hill."}]}`
	path := datatest.Write(t, "a.jsonl", talk+"\n"+talk+"\n"+
		`{"conversations": [{"from": "human", "value": "Hello?"}]}`+"\n"+
		`{"conversations": [{"from": "human", "value": "Who are you?"}, `+
		`{"from": "gpt", "value": "I am ChatGPT, a model."}]}`+"\n"+
		`{"plugins": [], "conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}`+"\n")
	s, err := datatest.Load(datatest.Letters{}, r, path, data.Options{Clean: true})
	require.NoError(t, err)
	require.Equal(t, "left out 4 of 5 rows (a message names OpenAI or ChatGPT: 1; it used plugins: 1; "+
		"its first two turns were seen before: 1; too few turns: 1)", s.LeftOut())
	require.Equal(t, 4, s.Report.Counts["row-dropped"])
}

func TestSplittingNamesThePairsThatItDrops(t *testing.T) {
	r, err := recipe.Find("koala")
	require.NoError(t, err)
	r.Stream = false
	long := strings.Repeat("z", 300)
	row := `{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}, ` +
		`{"from": "human", "value": "r"}, {"from": "gpt", "value": "` + long + `"}, ` +
		`{"from": "human", "value": "s"}, {"from": "gpt", "value": "c"}]}`
	s, err := datatest.Load(datatest.Letters{}, r, datatest.Write(t, "a.jsonl", row),
		data.Options{Cutoff: 100, OverLong: "split"})
	require.NoError(t, err)
	require.Len(t, s.Examples, 2)
	require.Equal(t, 1, s.Report.Counts["turns-dropped"])
	require.Contains(t, s.Report.String(), "2 of 6 turns")
}

func TestCleaningTextsWithoutTurnsIsRefused(t *testing.T) {
	r, err := recipe.Find("vicuna")
	require.NoError(t, err)
	for _, row := range []string{`{"text": "<p>a</p>"}`, `{"input_ids": [1, 2], "labels": [1, 2]}`} {
		path := datatest.Write(t, "a.jsonl", row)
		_, err = datatest.Load(datatest.Letters{}, r, path, data.Options{Clean: true})
		require.ErrorContains(t, err, path+":1: clean takes conversations", row)
	}
}

func TestCleaningConvertsTheInputToo(t *testing.T) {
	r, err := recipe.Find("alpaca-lora-short")
	require.NoError(t, err)
	path := datatest.Write(t, "a.jsonl",
		`{"instruction": "Summarize the page.", "input": "<p>It is <b>late</b>.</p>", "output": "It is late."}`)
	s, err := datatest.Load(datatest.Letters{}, r, path, data.Options{Clean: true})
	require.NoError(t, err)
	require.Contains(t, datatest.Letters{}.Decode(s.Examples[0].Tokens), "### Input:\nIt is **late**.\n")
	require.Zero(t, s.Report.Counts["html"])
}
