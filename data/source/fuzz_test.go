package source_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
	"fettle/data/source"
)

// fuzzFile loads any bytes as a file of that name: an error, or a set whose labels
// match its tokens.
func fuzzFile(f *testing.F, name string, o data.Options, seeds ...string) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		path := datatest.Write(t, name, string(text))
		for _, policy := range []string{"truncate", "split", "truncate_prompt"} {
			o.OverLong, o.Cutoff, o.OnBadRow = policy, 100, "skip"
			s, err := datatest.LoadAlpaca(path, o)
			if err != nil {
				require.NotEmpty(t, err.Error())
				continue
			}
			for _, e := range s.Examples {
				require.Equal(t, len(e.Tokens), len(e.Labels))
				require.LessOrEqual(t, len(e.Tokens), 100)
				for i, l := range e.Labels {
					require.True(t, l == data.Ignore || l == e.Tokens[i])
				}
			}
		}
	})
}

func FuzzRows(f *testing.F) {
	fuzzFile(f, "a.json", data.Options{}, datatest.TwoRows, "["+strings.Split(datatest.TwoRows, "\n")[0]+"]",
		`{"a": [{"b": "}"}]}`, "[\"text\", \"more\"]", "{\"a\n{\"a\": 1}")
}

func FuzzRepairedRows(f *testing.F) {
	fuzzFile(f, "a.json", data.Options{Fix: true}, datatest.TwoRows, `{"instruction": "cafÃ©\ufeff", "output": "â€œ"}`,
		`{"text": "Ã"}`)
}

func FuzzConversations(f *testing.F) {
	fuzzFile(f, "a.jsonl", data.Options{TrainOn: "last_turn"},
		`{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "weight": 0}], `+
			`"tools": "[]"}`,
		`{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}], "system": "s"}`,
		`{"chosen": "\n\nHuman: q\n\nAssistant: a"}`,
		`{"prompt": [{"role": "user", "content": [{"type": "text", "text": "q"}]}], `+
			`"completion": {"role": "assistant", "content": "a"}}`,
		`{"instruction": "r", "output": "b", "history": [["q", "a"]]}`,
		`{"instruction": "r", "instances": [{"input": "", "output": "b"}]}`,
		`{"fields": "[a+b],c,<|eos|>", "marker_user": "", "a": "a", "b": "b", "c": "c"}`,
		`{"segments": [{"text": "a", "label": true}]}`, `{"input_ids": [1, 2], "labels": [-100, 2]}`)
}

func FuzzCSV(f *testing.F) {
	fuzzFile(f, "a.csv", data.Options{}, "instruction,output\na,b\n",
		"\ufeffoutput,instruction\r\n\"a\nb\",\"c\"\"d\"\r\n", "a\n")
}

func FuzzText(f *testing.F) {
	fuzzFile(f, "a.txt", data.Options{}, "one line\n", strings.Repeat("many\n", 100), "\xff\n", "")
}

func FuzzGzip(f *testing.F) {
	fuzzFile(f, "a.json.gz", data.Options{}, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", datatest.TwoRows, "BZh91AY&SY")
}

func FuzzParquet(f *testing.F) {
	type row struct {
		Instruction string `parquet:"instruction"`
		Output      string `parquet:"output,optional"`
	}
	type message struct {
		Role    string `parquet:"role"`
		Content string `parquet:"content"`
	}
	type talk struct {
		Messages []message `parquet:"messages,list"`
	}
	dir := f.TempDir()
	plain, nested := filepath.Join(dir, "a.parquet"), filepath.Join(dir, "b.parquet")
	require.NoError(f, parquet.WriteFile(plain, []row{{"a", "b"}, {"c", "d"}}))
	require.NoError(f, parquet.WriteFile(nested, []talk{{[]message{{"user", "q"}, {"assistant", "a"}}}},
		parquet.Compression(&parquet.Gzip)))
	var seeds []string
	for _, path := range []string{plain, nested} {
		seed, err := os.ReadFile(path)
		require.NoError(f, err)
		huge := bytes.Clone(seed)
		copy(huge[len(huge)-8:], "\x01\x00\x00\xff") // a footer of 4 GiB
		seeds = append(seeds, string(seed), string(huge))
	}
	fuzzFile(f, "a.parquet", data.Options{}, seeds...)
}

// A JSON array is cut into the elements that encoding/json finds.
func FuzzCutting(f *testing.F) {
	f.Add([]byte(`[{"text": "a"}, {"text": "[{\\\"}"}]`))
	f.Add([]byte(`[ {"text":"a","b":[1,{"c":null}]} ]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var want []map[string]json.RawMessage
		if json.Unmarshal(text, &want) != nil || len(want) == 0 {
			return
		}
		if first := bytes.TrimLeft(text, " \t\r\n"); len(first) == 0 || first[0] != '[' || bytes.HasPrefix(text,
			[]byte{0xff}) {
			return
		}
		n := 0
		for row, err := range datatest.Rows(datatest.Write(t, "a.json", string(text))) {
			if want[n] == nil { // null is no record
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, want[n], row.Fields)
			n++
		}
		require.Len(t, want, n)
	})
}

// A dataset_info.json names a file in a known format, or is refused.
func FuzzDatasetInfo(f *testing.F) {
	f.Add([]byte(`{"a": {"file_name": "a.json", "formatting": "sharegpt", "columns": {"messages": "said"}, `+
		`"tags": {"role_tag": "who", "user_tag": "me"}}}`), "a")
	f.Add([]byte(`{"b": {"file_name": "b.json", "ranking": true, "columns": {"prompt": "q", "chosen": "good"}}}`), "c")
	f.Add([]byte(`{"c": {"hf_hub_url": "x/y"}}`), "c")
	f.Add([]byte(`{}`), "")
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		path := datatest.Write(t, "dataset_info.json", string(text))
		files, err := source.DatasetInfo(path, name)
		if err != nil {
			require.ErrorContains(t, err, path)
			return
		}
		require.NotEmpty(t, files)
		file := files[0]
		require.Contains(t, source.Formats(), file.Format)
		require.NotEmpty(t, file.Path)
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), "rows.json"), []byte(datatest.TwoRows),
			0o644))
		file.Path = filepath.Join(filepath.Dir(path), "rows.json")
		r, err := recipe.Find("vicuna")
		require.NoError(t, err)
		_, _ = data.Load(datatest.Letters{}, r, []source.File{file}, data.Options{})
	})
}
