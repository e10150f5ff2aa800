package source_test

import (
	"fmt"
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

func TestTablesReadLikeJSON(t *testing.T) {
	want, err := datatest.LoadAlpaca(datatest.Write(t, "a.jsonl", datatest.TwoRows), data.Options{})
	require.NoError(t, err)
	type row struct {
		Instruction string `parquet:"instruction,dict"`
		Input       string `parquet:"input,optional"`
		Output      string `parquet:"output,snappy"`
	}
	table := filepath.Join(t.TempDir(), "a.parquet")
	require.NoError(t, parquet.WriteFile(table, []row{{"Say hi.", "", "Hi."}, {"Add.", "2 3", "5"}}))
	for _, path := range []string{
		table,
		datatest.Write(t, "a.csv", "instruction,input,output\nSay hi.,,Hi.\nAdd.,2 3,5\n"),
		datatest.Write(t, "b.csv", "\ufeffoutput,instruction,input,more\r\nHi.,\"Say hi.\",,x\r\n5,Add.,2 3,\r\n"),
		datatest.Write(t, "c.csv", "\ufeffinstruction;input;output\nSay hi.;;Hi.\nAdd.;2 3;5\n"),
		datatest.Write(t, "a.tsv", "instruction\tinput\toutput\nSay hi.\t\tHi.\nAdd.\t2 3\t5\n"),
	} {
		got, err := datatest.LoadAlpaca(path, data.Options{})
		require.NoError(t, err, path)
		require.Equal(t, want.Hash, got.Hash, path)
	}
}

func TestParquetKeepsConversations(t *testing.T) {
	type message struct {
		From  string `parquet:"from"`
		Value string `parquet:"value"`
	}
	type row struct {
		Conversations []message `parquet:"conversations,list"`
	}
	path := filepath.Join(t.TempDir(), "a.parquet")
	var rows []row
	for i := range 200 {
		rows = append(rows, row{[]message{{"human", fmt.Sprint("q", i)}, {"gpt", fmt.Sprint("a", i)}}})
	}
	require.NoError(t, parquet.WriteFile(path, rows, parquet.Compression(&parquet.Zstd)))
	r, err := recipe.Find("vicuna")
	require.NoError(t, err)
	s, err := datatest.Load(datatest.Letters{}, r, path, data.Options{})
	require.NoError(t, err)
	require.Len(t, s.Examples, 200)
	require.Contains(t, datatest.Marked(s.Examples[150]), "USER: q150 ASSISTANT:⟦ a150¶⟧")
	require.Equal(t, path+":151", s.Examples[150].Source)
}

func TestBadTablesNameFileAndRow(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"few.csv", "instruction,output\na,b\nc\n", "few.csv:3: broken CSV: 1 cells under a header of 2"},
		{"quote.csv", "instruction,output\n\"a,b\n", "quote.csv:2: broken CSV"},
		{"empty.csv", "", "the data set is empty"},
		{"twice.csv", "instruction,output,output\na,b,c\n", `twice.csv:1: two columns are called "output"`},
		{"python.csv", "prompt,completion\n\"[{'role': 'user', 'content': 'q'}]\",a\n",
			`python.csv:2: "prompt" holds a list as Python prints it`},
		{"head.csv", "instruction,output\n", "the data set is empty"},
		{"keys.csv", "a,b\n1,2\n", `no format has the fields "a", "b"; name the right ones with --columns`},
		{"a.parquet", "PAR1 and then nothing", "broken parquet"},
		{"b.parquet", "", "the data set is empty"},
		{"a.txt", "fine\n\xff\xfe\n", "not UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := datatest.LoadAlpaca(datatest.Write(t, c.name, c.text), data.Options{})
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := datatest.LoadAlpaca(t.TempDir(), data.Options{})
	require.ErrorContains(t, err, "is a directory")
}

func TestColumnsCanBeMapped(t *testing.T) {
	want, err := datatest.LoadAlpaca(datatest.Write(t, "a.jsonl", datatest.TwoRows), data.Options{})
	require.NoError(t, err)
	renamed := strings.NewReplacer("instruction", "task", "output", "solution").Replace(datatest.TwoRows)
	o := data.Options{Columns: map[string]string{"instruction": "task", "output": "solution"}}
	got, err := datatest.LoadAlpaca(datatest.Write(t, "a.jsonl", renamed), o)
	require.NoError(t, err)
	require.Equal(t, want.Hash, got.Hash)
}

func TestFormatCanBeForced(t *testing.T) {
	path := datatest.Write(t, "a.jsonl", `{"prompt": "q", "completion": "a", "text": "q a"}`)
	s, err := datatest.LoadAlpaca(path, data.Options{Format: "text"})
	require.NoError(t, err)
	require.Equal(t, "⟦q a¶⟧", datatest.Marked(s.Examples[0]))
	_, err = datatest.LoadAlpaca(path, data.Options{Format: "sharegtp"})
	require.ErrorContains(t, err, `did you mean "sharegpt"`)
	_, err = datatest.LoadAlpaca(path, data.Options{Format: "messages"})
	require.ErrorContains(t, err, `no "messages"`)
}

func TestWeightsRepeatAndThin(t *testing.T) {
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, `{"instruction": "say", "output": "%d"}`+"\n", i)
	}
	r, err := recipe.Find("alpaca")
	require.NoError(t, err)
	a, c := datatest.Write(t, "a.jsonl", b.String()), datatest.Write(t, "c.jsonl", datatest.TwoRows)
	get := func(seed uint64) *data.Set {
		s, err := data.Load(datatest.Letters{}, r, []source.File{{Path: a, Weight: 1.25}, {Path: c, Weight: 3},
			{Path: a, Weight: 0.5}}, data.Options{Seed: seed})
		require.NoError(t, err)
		return s
	}
	s := get(1)
	require.Equal(t, 82, s.Rows)
	require.Len(t, s.Examples, 50+6+20)
	require.Equal(t, s.Hash, get(1).Hash)
	require.NotEqual(t, s.Hash, get(2).Hash)
	_, err = data.Load(datatest.Letters{}, r, []source.File{{Path: a, Weight: -1}}, data.Options{})
	require.ErrorContains(t, err, "weight is -1")
}

func TestPatternsNameManyFiles(t *testing.T) {
	dir := t.TempDir()
	for i, row := range strings.Split(strings.TrimSpace(datatest.TwoRows), "\n") {
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.jsonl", i)), []byte(row), 0o644))
	}
	want, err := datatest.LoadAlpaca(datatest.Write(t, "a.jsonl", datatest.TwoRows), data.Options{})
	require.NoError(t, err)
	got, err := datatest.LoadAlpaca(filepath.Join(dir, "*.jsonl"), data.Options{})
	require.NoError(t, err)
	require.Equal(t, want.Hash, got.Hash)
	_, err = datatest.LoadAlpaca(filepath.Join(dir, "*.json"), data.Options{})
	require.ErrorContains(t, err, "no file matches")
}

func TestRecordsOnOneLineAreNumbered(t *testing.T) {
	rows := strings.Split(strings.TrimSpace(datatest.TwoRows), "\n")
	s, err := datatest.LoadAlpaca(datatest.Write(t, "a.json", "["+rows[0]+", "+rows[1]+"]"), data.Options{})
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(s.Examples[1].Source, "a.json:1 (record 2)"), s.Examples[1].Source)
}

// A broken line does not take the next ones with it.
func TestSkippedRowsAreFew(t *testing.T) {
	good := strings.Split(datatest.TwoRows, "\n")[0]
	for _, bad := range []string{`{"instruction": "a"`, `{"instruction": "a`, `{"instruction": "a", "output": }`,
		`"text`, `7`, `{"instruction": {"a": [1, 2}, "output": "b"}`, `nonsense`} {
		s, err := datatest.LoadAlpaca(datatest.Write(t, "a.jsonl", good+"\n"+bad+"\n"+good+"\n"+good+"\n"),
			data.Options{OnBadRow: "skip"})
		require.NoError(t, err, bad)
		require.Equal(t, []int{1, 3}, []int{s.BadRows, len(s.Examples)}, "%s: %v", bad, s.Bad)
		require.Contains(t, s.Bad[0], "a.jsonl:2")
	}
}

func TestReadTokenized(t *testing.T) {
	path := datatest.Write(t, "a.jsonl", `{"input_ids": [1, 5, 2], "labels": [-100, 5, 2]}`)
	s, err := datatest.LoadAlpaca(path, data.Options{})
	require.NoError(t, err)
	require.Equal(t, []int32{data.Ignore, 5, 2}, s.Examples[0].Labels)
}

func TestDatasetInfoIsRead(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	put("dataset_info.json", `{
		"plain": {"file_name": "plain.json", "columns": {"prompt": "task", "query": "about", "response": "done"}},
		"chat": {"file_name": "chat.json", "formatting": "sharegpt", "columns": {"messages": "talk", "system": "rules"},
			"tags": {"role_tag": "who", "content_tag": "says", "user_tag": "me", "assistant_tag": "you"}},
		"pairs": {"file_name": "pairs.json", "ranking": true,
			"columns": {"prompt": "prompt", "chosen": "good", "rejected": "bad"}},
		"far": {"hf_hub_url": "somewhere"}}`)
	put("plain.json", `[{"task": "q", "about": "", "done": "a"}]`)
	put("chat.json", `[{"talk": [{"who": "me", "says": "q"}, {"who": "you", "says": "a"}], "rules": "R."}]`)
	put("pairs.json", `[{"prompt": "q", "good": "a", "bad": "b"}]`)
	r, err := recipe.Find("vicuna")
	require.NoError(t, err)
	for name, want := range map[string]string{"plain": "USER: q ASSISTANT:⟦ a¶⟧", "chat": "R. USER: q ASSISTANT:⟦ a¶⟧",
		"pairs": "USER: q ASSISTANT:⟦ a¶⟧"} {
		files, err := source.DatasetInfo(filepath.Join(dir, "dataset_info.json"), name)
		require.NoError(t, err)
		s, err := data.Load(datatest.Letters{}, r, files, data.Options{})
		require.NoError(t, err, name)
		require.True(t, strings.HasSuffix(datatest.Marked(s.Examples[0]), want), datatest.Marked(s.Examples[0]))
	}
	_, err = source.DatasetInfo(filepath.Join(dir, "dataset_info.json"), "plan")
	require.ErrorContains(t, err, "plain")
	_, err = source.DatasetInfo(filepath.Join(dir, "dataset_info.json"), "far")
	require.ErrorContains(t, err, "hf_hub_url: data sets are read from local files: download it")
}

// A footer cannot be longer than the file.
func TestHugeFootersAreRefused(t *testing.T) {
	path := datatest.Write(t, "a.parquet", "PAR1 some bytes \xff\xff\xff\xf0PAR1")
	_, err := datatest.LoadAlpaca(path, data.Options{})
	require.ErrorContains(t, err, "broken parquet: its footer has 4043309055 bytes, more than the file's 24")
	_, err = datatest.LoadAlpaca(datatest.Write(t, "b.parquet", "PAR1"), data.Options{})
	require.ErrorContains(t, err, "unexpected EOF")
}

// Koala's sequences are cut from concatenated rows: no row is too long for them.
func TestStreamsHaveNoLongRows(t *testing.T) {
	r, err := recipe.Find("koala")
	require.NoError(t, err)
	path := datatest.Write(t, "a.jsonl", strings.Repeat(`{"messages": [{"role": "user", "content": "a question"}, `+
		`{"role": "assistant", "content": "an answer"}]}`+"\n", 2))
	s, err := datatest.Load(datatest.Letters{}, r, path, data.Options{Cutoff: 16})
	require.NoError(t, err)
	require.Zero(t, s.Report.Counts["over-long"])
	require.Contains(t, s.OverLongTable(), "2 rows are concatenated and cut every 16 tokens")
	for _, e := range s.Examples {
		require.LessOrEqual(t, len(e.Tokens), 16)
	}
}
