package data_test

import (
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
)

// letters is a tokenizer of single bytes: BOS 1, EOS 2, bytes from 3 on.
type letters struct{}

func (letters) Encode(text string) []int32 {
	var ids []int32
	for i := range len(text) {
		ids = append(ids, 3+int32(text[i]))
	}
	return ids
}
func (l letters) EncodeSpecial(text string) []int32 {
	var ids []int32
	for i, part := range strings.Split(text, "</s>") {
		if i > 0 {
			ids = append(ids, 2)
		}
		ids = append(ids, l.Encode(part)...)
	}
	return ids
}
func (letters) Decode(ids []int32) string {
	var b []byte
	for _, id := range ids {
		if id >= 3 {
			b = append(b, byte(id-3))
		}
	}
	return string(b)
}
func (letters) BOS() int32 { return 1 }
func (letters) EOS() int32 { return 2 }

func write(t testing.TB, name, text string) string {
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

func load(path string, o data.Options) (*data.Set, error) {
	r, err := data.Find("alpaca")
	if err != nil {
		return nil, err
	}
	return data.Load(letters{}, r, []string{path}, o)
}

const twoRows = `{"instruction": "Say hi.", "input": "", "output": "Hi."}
{"instruction": "Add.", "input": "2 3", "output": "5"}
`

func TestLayoutsReadAlike(t *testing.T) {
	want, err := load(write(t, "a.jsonl", twoRows), data.Options{})
	require.NoError(t, err)
	require.Len(t, want.Examples, 2)
	rows := strings.Split(strings.TrimSpace(twoRows), "\n")
	for name, text := range map[string]string{
		"an array":            "[" + strings.Join(rows, ",") + "]",
		"an array on lines":   " \n[\n" + strings.Join(rows, ",\n") + "\n]\n",
		"a byte-order mark":   "\ufeff" + twoRows,
		"Windows line ends":   strings.ReplaceAll(twoRows, "\n", "\r\n"),
		"no newline at end":   strings.TrimSpace(twoRows),
		"empty lines between": strings.ReplaceAll(twoRows, "\n", "\n\n"),
		"input null":          strings.ReplaceAll(twoRows, `"input": ""`, `"input": null`),
		"input missing":       strings.ReplaceAll(twoRows, `"input": "", `, ""),
		"more columns":        strings.ReplaceAll(twoRows, `"output"`, `"id": 7, "output"`),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := load(write(t, "a.json", text), data.Options{})
			require.NoError(t, err)
			require.Equal(t, want.Hash, got.Hash)
		})
	}
	path := filepath.Join(t.TempDir(), "a.jsonl.gz")
	f, err := os.Create(path)
	require.NoError(t, err)
	z := gzip.NewWriter(f)
	z.Write([]byte(twoRows))
	require.NoError(t, z.Close())
	require.NoError(t, f.Close())
	got, err := load(path, data.Options{})
	require.NoError(t, err)
	require.Equal(t, want.Hash, got.Hash)
}

func TestBadRowsNameFileAndLine(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "the data set is empty"},
		{"only space", " \n ", "the data set is empty"},
		{"empty array", "[]", "the data set is empty"},
		{"broken", twoRows + `{"instruction": "a", output: "b"}`, "bad.json:3: broken JSON"},
		{"broken array", "[\n{\"instruction\": \"a\",\n\"output\" \"b\"}]", "bad.json:3: broken JSON"},
		{"cut off", twoRows + `{"instruction": "a", "out`, "the file ends in the middle"},
		{"cut array", "[" + strings.Split(twoRows, "\n")[0], "the file ends in the middle"},
		{"a number", twoRows + "7\n", "bad.json:3: want an object"},
		{"no output", twoRows + `{"instruction": "a"}`, `bad.json:3: no "output"`},
		{"wrong type", twoRows + "\n" + `{"instruction": "a", "output": 5}`, `bad.json:4: "output" is 5, want a text`},
		{"labels", `{"input_ids": [1, 2], "labels": [1]}`, "bad.json:1: 1 labels for 2 input_ids"},
		{"shifted", `{"input_ids": [1, 5, 6], "labels": [5, 6, -100]}`, "labels are not shifted"},
		{"masked", `{"input_ids": [1, 2], "labels": [-100, -100]}`, "no record has a learned token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(write(t, "bad.json", c.text), data.Options{})
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := load(filepath.Join(t.TempDir(), "none.json"), data.Options{})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestLongRows(t *testing.T) {
	text := twoRows + fmt.Sprintf(`{"instruction": "x", "output": %q}`, strings.Repeat("long ", 100))
	path := write(t, "a.jsonl", text)
	s, err := load(path, data.Options{Cutoff: 300, OverLong: "truncate"})
	require.NoError(t, err)
	require.Equal(t, []int{3, 1, 0, 300}, []int{len(s.Examples), s.Cut, s.Dropped, len(s.Examples[2].Tokens)})
	s, err = load(path, data.Options{Cutoff: 300, OverLong: "drop"})
	require.NoError(t, err)
	require.Equal(t, []int{2, 0, 1}, []int{len(s.Examples), s.Cut, s.Dropped})
	_, err = load(path, data.Options{Cutoff: 300, OverLong: "error"})
	require.ErrorContains(t, err, "a.jsonl:3: 642 tokens, more than max_seq_length 300")
	_, err = load(path, data.Options{Cutoff: 100, OverLong: "truncate"})
	require.ErrorContains(t, err, "beyond max_seq_length")
	_, err = load(path, data.Options{Cutoff: 100, OverLong: "drop"})
	require.ErrorContains(t, err, "all 3 records are longer")
}

func TestManyRowsKeepTheirOrder(t *testing.T) {
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, `{"instruction": "say", "output": "%d"}`+"\n", i)
	}
	told, part := 0, 0.0
	s, err := load(write(t, "a.jsonl", b.String()), data.Options{Progress: func(rows int, share float64) { told, part = rows, share }})
	require.NoError(t, err)
	require.Equal(t, 960, told)
	require.Equal(t, 1.0, part, "all bytes are read by then")
	for i, e := range s.Examples {
		require.Contains(t, letters{}.Decode(e.Tokens), fmt.Sprintf("Response:%d", i))
		require.Equal(t, i+1, line(e.Source))
	}
}

func line(source string) (n int) {
	fmt.Sscan(source[strings.LastIndexByte(source, ':')+1:], &n)
	return n
}

func TestOrderIsAPermutation(t *testing.T) {
	for _, n := range []int{0, 1, 2, 1000} {
		seen := make([]bool, n)
		for _, i := range data.Order(n, 7, 3) {
			require.False(t, seen[i])
			seen[i] = true
		}
	}
	require.Equal(t, data.Order(100, 7, 3), data.Order(100, 7, 3))
	require.NotEqual(t, data.Order(100, 7, 3), data.Order(100, 7, 4))
	require.NotEqual(t, data.Order(100, 7, 3), data.Order(100, 8, 3))
}

func TestSplit(t *testing.T) {
	all := make([]data.Example, 100)
	for i := range all {
		all[i].Source = fmt.Sprint("f:", i)
	}
	for size, want := range map[float64]int{0: 0, 0.05: 5, 10: 10, 500: 99} {
		training, held := data.Split(all, size, 1)
		require.Len(t, held, want)
		require.Len(t, training, 100-want)
	}
}

// Parts of one row, and its repetitions, are on one side.
func TestSplitKeepsRowsTogether(t *testing.T) {
	all := make([]data.Example, 300)
	for i := range all {
		all[i].Source = fmt.Sprint("f:", i%100)
	}
	training, held := data.Split(all, 0.1, 1)
	require.Len(t, held, 30)
	sides := map[string]bool{}
	for _, e := range held {
		sides[e.Source] = true
	}
	require.Len(t, sides, 10)
	for _, e := range training {
		require.False(t, sides[e.Source])
	}
}

func TestUnknownRecipe(t *testing.T) {
	_, err := data.Find("alpacca")
	require.ErrorContains(t, err, `did you mean "alpaca"`)
	_, err = data.Find("something else")
	require.ErrorContains(t, err, "want one of alpaca,")
}
