package source_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data/source"
)

// asked reads a file's prompts; an error stands for its row.
func asked(t *testing.T, f source.File) (texts []string) {
	for p, err := range source.Prompts(f) {
		if err != nil {
			texts = append(texts, err.Error())
			continue
		}
		text := p.Asked.System
		for _, turn := range p.Asked.Turns {
			text += "|" + string(turn.Role) + ":" + turn.Content()
		}
		texts = append(texts, text)
	}
	return texts
}

func TestPromptsNeedNoAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"prompts.jsonl":   {`{"prompt": "a"}` + "\n" + `{"prompt": "b", "id": 7}`, []string{"|user:a", "|user:b"}},
		"questions.json":  {`[{"question": "a"}, {"question": "b", "answer": "x"}]`, []string{"|user:a", "|user:b"}},
		"input.json":      {`[{"instruction": "a", "input": "b", "system": "s"}]`, []string{"s|user:a\nb"}},
		"history.json":    {`[{"instruction": "a", "history": [["q", "r"]]}]`, []string{"|user:q|assistant:r|user:a"}},
		"choices.json":    {`[{"question": "a", "choices": ["x", "y"]}]`, []string{"|user:a\nA. x\nB. y"}},
		"texts.jsonl":     {`"a"` + "\n" + `"b"`, []string{"|user:a", "|user:b"}},
		"lines.txt":       {"a\r\n\n  b c \n", []string{"|user:a", "|user:b c"}},
		"table.csv":       {"prompt,id\n\"a\nb\",1\nc,2\n", []string{"|user:a\nb", "|user:c"}},
		"preference.json": {`[{"prompt": "a", "chosen": "x", "rejected": "y"}]`, []string{"|user:a"}},
		"list.json":       {`[{"prompt": [{"role": "user", "content": "a"}]}]`, []string{"|user:a"}},
		"messages.jsonl": {`{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}, ` +
			`{"role": "assistant", "content": "x"}, {"role": "user", "content": "b"}, ` +
			`{"role": "assistant", "content": "y"}]}`,
			[]string{"s|user:a|assistant:x|user:b"}},
		"shared.json": {`[{"conversations": [{"from": "human", "value": "a"}]}]`, []string{"|user:a"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			require.NoError(t, os.WriteFile(path, []byte(c.text), 0o644))
			require.Equal(t, c.want, asked(t, source.File{Path: path}))
		})
	}
}

func TestRowsThatAskNothingAreNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "prompts.jsonl")
	text := `{"prompt": "a"}` + "\n" + `{"promt": "b"}` + "\n" + `{"prompt": " "}` + "\n" + `{"prompt" 5}` + "\n" +
		`{"prompt": "c"}`
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	got := asked(t, source.File{Path: path})
	require.Len(t, got, 5)
	for i, want := range []string{"|user:a", path + `:2: no "instruction"`, path + ":3: it asks nothing",
		path + ":4: broken JSON", "|user:c"} {
		require.Contains(t, got[i], want)
	}
	own := filepath.Join(t.TempDir(), "own.csv")
	require.NoError(t, os.WriteFile(own, []byte("ask\na\n"), 0o644))
	require.Equal(t, []string{"|user:a"}, asked(t, source.File{Path: own, Columns: map[string]string{"prompt": "ask"}}))
	none := asked(t, source.File{Path: filepath.Join(t.TempDir(), "none.txt")})
	require.Len(t, none, 1)
	require.Contains(t, none[0], "none.txt")
	require.Contains(t, asked(t, source.File{Path: path, Columns: map[string]string{"instruction": "prompt",
		"input": "extra"}})[5], `no row has the field "extra"`)
}
