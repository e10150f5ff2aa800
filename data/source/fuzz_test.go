package source_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
	"fettle/data/source"
	"fettle/internal/budget"
)

// FuzzLoad loads any bytes as a file of any kind: an error, or a set whose labels match its tokens.
func FuzzLoad(f *testing.F) {
	for i, seed := range []string{
		datatest.TwoRows, "[" + strings.Split(datatest.TwoRows, "\n")[0] + "]", `{"a": [{"b": "}"}]}`,
		"instruction,output\na,b\n",
		"{\"a\n{\"a\": 1}", `{"instruction": "cafÃ©\ufeff", "output": "â€œ"}`, `{"text": "Ã"}`, "[\"text\", \"more\"]",
		`{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "weight": 0}], ` +
			`"tools": "[]"}`,
		`{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}], "system": "s"}`,
		`{"segments": [{"text": "a", "label": true}]}`, `{"input_ids": [1, 2], "labels": [-100, 2]}`, "one line\n",
	} {
		for kind := range uint8(4) {
			f.Add([]byte(seed), kind, uint8(i))
		}
	}
	dir, policies := f.TempDir(), []string{"truncate", "split", "truncate_prompt"}
	f.Fuzz(func(t *testing.T, text []byte, kind, options uint8) {
		defer budget.Of(t, len(text))()
		path := filepath.Join(dir, []string{"a.json", "a.jsonl", "a.csv", "a.txt"}[kind%4])
		require.NoError(t, os.WriteFile(path, text, 0o600))
		o := data.Options{
			OverLong: policies[options%3], Cutoff: 100, OnBadRow: "skip", Fix: options&4 != 0, Clean: options&8 != 0,
		}
		if options&16 != 0 {
			o.TrainOn = "last_turn"
		}
		s, err := datatest.LoadAlpaca(path, o)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		for _, e := range s.Examples {
			require.Equal(t, len(e.Tokens), len(e.Labels))
			require.LessOrEqual(t, len(e.Tokens), 100)
			for i, l := range e.Labels {
				if l != data.Ignore && l != e.Tokens[i] {
					t.Fatalf("label %d of %s is %d, its token %d", i, e.Source, l, e.Tokens[i])
				}
			}
		}
	})
}

// A dataset_info.json names a file in a known format, or is refused.
func FuzzDatasetInfo(f *testing.F) {
	f.Add([]byte(`{"a": {"file_name": "a.json", "formatting": "sharegpt", "columns": {"messages": "said"}, `+
		`"tags": {"role_tag": "who", "user_tag": "me"}}}`), "a")
	f.Add([]byte(`{"b": {"file_name": "b.json", "ranking": true, "columns": {"prompt": "q", "chosen": "good"}}}`), "c")
	f.Add([]byte(`{"c": {"hf_hub_url": "x/y"}}`), "c")
	f.Add([]byte(`{}`), "")
	rows := datatest.Write(f, "rows.json", datatest.TwoRows)
	path := filepath.Join(filepath.Dir(rows), "dataset_info.json")
	r, err := recipe.Find("vicuna")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		defer budget.Of(t, len(text))()
		require.NoError(t, os.WriteFile(path, text, 0o600))
		files, err := source.DatasetInfo(path, name)
		if err != nil {
			require.ErrorContains(t, err, path)
			return
		}
		require.NotEmpty(t, files)
		file := files[0]
		require.Contains(t, source.Formats(), file.Format)
		require.NotEmpty(t, file.Path)
		file.Path = rows
		_, _ = data.Load(datatest.Letters{}, r, []source.File{file}, data.Options{})
	})
}
