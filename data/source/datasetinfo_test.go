package source_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
	"fettle/data/source"
	"fettle/internal/readfile"
)

// entry writes a dataset_info.json with the entry "e" and files beside it, and loads them in the recipe vicuna without
// its header.
func entry(t *testing.T, info string, files map[string]string) (*data.Set, error) {
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	path := filepath.Join(dir, "dataset_info.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"e": `+info+`}`), 0o644))
	found, err := source.DatasetInfo(path, "e")
	if err != nil {
		return nil, err
	}
	r, err := recipe.Find("vicuna")
	require.NoError(t, err)
	d := *r.Dialogue
	d.System, d.SystemEnd = "", " · "
	r.Dialogue = &d
	return data.Load(datatest.Letters{}, r, found, data.Options{Seed: 3})
}

// What LLaMA-Factory 0.9.5 makes of an entry: DatasetAttr.join and the converters of its formattings.
func TestEntriesReadWhatTheirColumnsName(t *testing.T) {
	const tags = `"tags": {"role_tag": "r", "content_tag": "c", "user_tag": "u", "assistant_tag": "a", ` +
		`"observation_tag": "o", "function_tag": "f", "system_tag": "s"}`
	for _, c := range []struct{ reason, info, row, want string }{
		{"columns leave out the input", `{"file_name": "r.json", "columns": {"prompt": "instruction", "response": "output"}}`,
			`{"instruction": "q", "input": "i", "output": "a", "system": "S."}`, "USER: q ASSISTANT:⟦ a¶⟧"},
		{"an empty column names nothing", `{"file_name": "r.json", "columns": {"prompt": "instruction", "query": "", ` +
			`"history": null, "response": "output"}}`, `{"instruction": "q", "input": "i", "output": "a"}`,
			"USER: q ASSISTANT:⟦ a¶⟧"},
		{"no columns: no system, no history", `{"file_name": "r.json"}`,
			`{"instruction": "q", "input": "i", "output": "a", "system": "S.", "history": [["r", "b"]]}`,
			"USER: q\ni ASSISTANT:⟦ a¶⟧"},
		{"all columns", `{"file_name": "r.json", "columns": {"prompt": "1", "query": "2", "response": "3", "history": "4", ` +
			`"system": "5"}}`, `{"1": "q", "2": "i", "3": "a", "4": [["r", "b"]], "5": "S."}`,
			"S. · USER: r ASSISTANT:⟦ b¶⟧USER: q\ni ASSISTANT:⟦ a¶⟧"},
		{"a query alone", `{"file_name": "r.json", "columns": {"query": "question", "response": "answer"}}`,
			`{"question": "q", "answer": "a"}`, "USER: q ASSISTANT:⟦ a¶⟧"},
		{"no columns: the input, though empty, not the context", `{"file_name": "r.json"}`,
			`{"instruction": "q", "input": "", "output": "a", "context": "c"}`, "USER: q ASSISTANT:⟦ a¶⟧"},
		{"no columns: a row without input in a file with inputs", `{"file_name": "r.json"}`,
			`{"instruction": "q", "output": "a", "context": "c"}, {"instruction": "r", "input": "i", "output": "b"}`,
			"USER: q ASSISTANT:⟦ a¶⟧"},
		{"no columns: conversations beside messages", `{"file_name": "r.json", "formatting": "sharegpt"}`,
			`{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}], ` +
				`"messages": [{"role": "user", "content": "r"}, {"role": "assistant", "content": "b"}]}`,
			"USER: q ASSISTANT:⟦ a¶⟧"},
		{"an empty prompt before a query",
			`{"file_name": "r.json", "columns": {"prompt": "p", "query": "i", "response": "r"}}`,
			`{"p": "", "i": "q", "r": "a"}`, "USER: q ASSISTANT:⟦ a¶⟧"},
		{"sharegpt", `{"file_name": "r.json", "formatting": "sharegpt"}`,
			`{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}], "system": "S."}`,
			"USER: q ASSISTANT:⟦ a¶⟧"},
		{"openai", `{"file_name": "r.json", "formatting": "openai", "columns": {"messages": "m"}, "tags": {"role_tag": ` +
			`"role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant", "system_tag": "system"}}`,
			`{"m": [{"role": "system", "content": "S."}, {"role": "user", "content": "q"}, ` +
				`{"role": "assistant", "content": "a"}]}`, "S. · USER: q ASSISTANT:⟦ a¶⟧"},
		{"all tags", `{"file_name": "r.json", "formatting": "sharegpt", "columns": {"messages": "m"}, ` + tags + `}`,
			`{"m": [{"r": "s", "c": "S."}, {"r": "u", "c": "q"}, {"r": "f", "c": "{\"name\": \"g\"}"}, {"r": "o", "c": "7"}, ` +
				`{"r": "a", "c": "a"}]}`,
			`S. · USER: q ASSISTANT:⟦ {"name": "g"}¶⟧USER: 7 ASSISTANT:⟦ a¶⟧`},
		{"ranking", `{"file_name": "r.json", "ranking": true, "columns": {"prompt": "p", "query": "i", "chosen": "good", ` +
			`"rejected": "bad"}}`, `{"p": "q", "i": "i", "good": "a", "bad": "b"}`, "USER: q\ni ASSISTANT:⟦ a¶⟧"},
		{"ranking of conversations", `{"file_name": "r.json", "formatting": "sharegpt", "ranking": true, "columns": ` +
			`{"messages": "m", "chosen": "good", "rejected": "bad"}}`, `{"m": [{"from": "human", "value": "q"}], ` +
			`"good": {"from": "gpt", "value": "a"}, "bad": {"from": "gpt", "value": "b"}}`, "USER: q ASSISTANT:⟦ a¶⟧"},
		{"pictures that no row has", `{"file_name": "r.json", "columns": {"prompt": "p", "response": "r", "images": "i"}}`,
			`{"p": "q", "r": "a", "i": []}`, "USER: q ASSISTANT:⟦ a¶⟧"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			s, err := entry(t, c.info, map[string]string{"r.json": "[" + c.row + "]"})
			require.NoError(t, err)
			require.Equal(t, c.want, datatest.Marked(s.Examples[0]))
		})
	}
}

func TestEntriesThatCannotBeFollowedAreRefused(t *testing.T) {
	row := `[{"instruction": "q", "output": "a", "pics": ["a.png"]}]`
	talk := `[{"conversations": [{"from": "system", "value": "S."}, {"from": "human", "value": "q"}, ` +
		`{"from": "gpt", "value": "a"}]}]`
	for _, c := range []struct{ reason, info, text, want string }{
		{"a misspelt formatting", `{"file_name": "r.json", "formatting": "sharegtp"}`, row, `did you mean "sharegpt"`},
		{"a misspelt key", `{"file_name": "r.json", "num_sample": 3}`, row,
			`unknown key "num_sample", did you mean "num_samples"`},
		{"a misspelt column", `{"file_name": "r.json", "columns": {"promt": "instruction"}}`, row, `did you mean "prompt"`},
		{"a misspelt tag", `{"file_name": "r.json", "tags": {"usertag": "u"}}`, row, `did you mean "user_tag"`},
		{"a column that no row has", `{"file_name": "r.json", "columns": {"prompt": "instruction", "query": "inpt", ` +
			`"response": "output"}}`, row, `no row has the field "inpt"`},
		{"a hub", `{"hf_hub_url": "a/b"}`, row, "hf_hub_url: data sets are read from local files: download it"},
		{"a script", `{"script_url": "a"}`, row, "script_url: data sets are read from local files"},
		{"a subset", `{"file_name": "r.json", "subset": "main"}`, row, "subset: "},
		{"another split", `{"file_name": "r.json", "split": "test"}`, row,
			`split is "test": a file has the split train alone`},
		{"a broken split", `{"file_name": "r.json", "split": "train[1"}`, row, `want the form train[from:to]`},
		{"no samples", `{"file_name": "r.json", "num_samples": 0}`, row, "num_samples is 0"},
		{"pictures", `{"file_name": "r.json", "columns": {"prompt": "instruction", "response": "output", "images": "pics"}}`,
			row, `"pics" holds images: this model reads text`},
		{"columns without an answer", `{"file_name": "r.json", "columns": {"prompt": "instruction"}}`, row,
			`columns of dataset_info.json name no "response", and a field without a column is not read`},
		{"tags without a role", `{"file_name": "r.json", "formatting": "sharegpt", "tags": {"role_tag": "from", ` +
			`"content_tag": "value"}}`, talk, `the tags of dataset_info.json name no role`},
		{"a role without a tag", `{"file_name": "r.json", "formatting": "sharegpt", "tags": {"role_tag": "from", ` +
			`"content_tag": "value", "user_tag": "human", "assistant_tag": "gpt"}}`, talk,
			`unknown role "system", the tags of dataset_info.json name "human", "gpt"`},
	} {
		t.Run(c.reason, func(t *testing.T) {
			_, err := entry(t, c.info, map[string]string{"r.json": c.text})
			require.ErrorContains(t, err, c.want)
		})
	}
}

// rows returns n rows whose answers are 0 … n−1, and answers reads them back.
func rows(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"instruction": "q", "output": "%d"}`+"\n", i)
	}
	return b.String()
}

func answers(s *data.Set) (out []string) {
	for _, e := range s.Examples {
		_, text, _ := strings.Cut(datatest.Marked(e), "⟦ ")
		out = append(out, strings.TrimSuffix(text, "¶⟧"))
	}
	return out
}

// The slices of Hugging Face's datasets: rows or percent, from the end too, percent rounded to the nearest row, halves
// to the even one.
func TestSplitsTakeTheirRows(t *testing.T) {
	for split, want := range map[string]string{
		"train": "0 1 2 3 4", "train[:1]": "0", "train[1:3]": "1 2", "train[-2:]": "3 4", "train[:-3]": "0 1",
		"train[3:9]":  "3 4",
		"train[:50%]": "0 1", "train[50%:]": "2 3 4", "train[-20%:]": "4", "train[:10%]+train[4:]": "4",
		"train[:1]+train[-1:]": "0 4",
		"train[20%:60%]":       "1 2",
	} {
		s, err := entry(t, `{"file_name": "r.jsonl", "split": "`+split+`"}`, map[string]string{"r.jsonl": rows(5)})
		require.NoError(t, err, split)
		require.Equal(t, want, strings.Join(answers(s), " "), split)
		require.Equal(t, len(s.Examples), s.Rows)
	}
	for split, want := range map[string]string{"train[5:]": "it has none of 5 rows",
		"train[:2]+train[1:]":            "its parts overlap",
		"train[:1%](pct1_dropremainder)": "takes no row of 5", "train[:101%]": "out of range"} {
		_, err := entry(t, `{"file_name": "r.jsonl", "split": "`+split+`"}`, map[string]string{"r.jsonl": rows(5)})
		require.ErrorContains(t, err, want)
	}
}

// num_samples draws without replacement; where it exceeds the rows, all of them and more with replacement.
func TestSamplesAreDrawnFromTheSplit(t *testing.T) {
	get := func(info string) []string {
		s, err := entry(t, info, map[string]string{"r.jsonl": rows(40)})
		require.NoError(t, err)
		require.Zero(t, s.Report.Counts["duplicate"])
		return answers(s)
	}
	few := get(`{"file_name": "r.jsonl", "num_samples": 7}`)
	require.Len(t, few, 7)
	require.NotEqual(t, []string{"0", "1", "2", "3", "4", "5", "6"}, few)
	require.Equal(t, few, get(`{"file_name": "r.jsonl", "num_samples": 7}`))
	many := get(`{"file_name": "r.jsonl", "num_samples": 100}`)
	require.Len(t, many, 100)
	for i := range 40 {
		require.Contains(t, many, fmt.Sprint(i))
	}
	for _, a := range get(`{"file_name": "r.jsonl", "num_samples": 6, "split": "train[:3]"}`) {
		require.Contains(t, []string{"0", "1", "2"}, a)
	}
}

func TestAnEntryMayNameADirectory(t *testing.T) {
	files := map[string]string{"d/b.jsonl": rows(2), "d/a.jsonl": rows(1), "d/.cache": "x"}
	s, err := entry(t, `{"file_name": "d"}`, files)
	require.NoError(t, err)
	require.Equal(t, "0 0 1", strings.Join(answers(s), " "))
	_, err = entry(t, `{"file_name": "d", "split": "train[:1]"}`, files)
	require.ErrorContains(t, err, "split and num_samples act on one file")
	files["d/c.csv"] = "instruction,output\nq,a\n"
	_, err = entry(t, `{"file_name": "d"}`, files)
	require.ErrorContains(t, err, "are of different kinds")
}

func TestAnEntryNamesWhatIsBesideIt(t *testing.T) {
	path := datatest.Write(t, "r.jsonl", rows(2))
	for _, name := range []string{
		path, "../r.jsonl", "d/../../r.jsonl", `C:\r.jsonl`, `..\r.jsonl`, "r.jsonl\x00.json", "/dev/zero",
	} {
		_, err := entry(t, fmt.Sprintf(`{"file_name": %s}`, quoted(name)), map[string]string{"d/r.jsonl": rows(1)})
		require.ErrorIs(t, err, readfile.ErrOutside, name)
		require.ErrorContains(t, err, "give the file itself as --dataset")
	}
}

// quoted is a text as JSON.
func quoted(text string) string {
	raw, _ := json.Marshal(text)
	return string(raw)
}
