package source_test

import (
	"compress/gzip"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/internal/datatest"
)

func TestLayoutsReadAlike(t *testing.T) {
	want, err := datatest.LoadAlpaca(datatest.Write(t, "a.jsonl", datatest.TwoRows), data.Options{})
	require.NoError(t, err)
	require.Len(t, want.Examples, 2)
	rows := strings.Split(strings.TrimSpace(datatest.TwoRows), "\n")
	for name, text := range map[string]string{
		"an array":            "[" + strings.Join(rows, ",") + "]",
		"an array on lines":   " \n[\n" + strings.Join(rows, ",\n") + "\n]\n",
		"a byte-order mark":   "\ufeff" + datatest.TwoRows,
		"Windows line ends":   strings.ReplaceAll(datatest.TwoRows, "\n", "\r\n"),
		"no newline at end":   strings.TrimSpace(datatest.TwoRows),
		"empty lines between": strings.ReplaceAll(datatest.TwoRows, "\n", "\n\n"),
		"input null":          strings.ReplaceAll(datatest.TwoRows, `"input": ""`, `"input": null`),
		"input missing":       strings.ReplaceAll(datatest.TwoRows, `"input": "", `, ""),
		"UTF-16":              utf16Text(binary.LittleEndian, datatest.TwoRows),
		"UTF-16, big endian":  utf16Text(binary.BigEndian, datatest.TwoRows),
		"an object":           `{"version": "1.0", "about": {"a": [1]}, "data": [` + strings.Join(rows, ",\n") + `]}`,
		"an object of splits": `{"train": [` + strings.Join(rows, ",") + `], "test": [], "license": "none"}` + "\n",
		"more columns":        strings.ReplaceAll(datatest.TwoRows, `"output"`, `"id": 7, "output"`),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := datatest.LoadAlpaca(datatest.Write(t, "a.json", text), data.Options{})
			require.NoError(t, err)
			require.Equal(t, want.Hash, got.Hash)
		})
	}
	path := filepath.Join(t.TempDir(), "a.jsonl.gz")
	f, err := os.Create(path)
	require.NoError(t, err)
	z := gzip.NewWriter(f)
	z.Write([]byte(datatest.TwoRows))
	require.NoError(t, z.Close())
	require.NoError(t, f.Close())
	got, err := datatest.LoadAlpaca(path, data.Options{})
	require.NoError(t, err)
	require.Equal(t, want.Hash, got.Hash)
}

// utf16Text returns a text as UTF-16 with its mark.
func utf16Text(order binary.AppendByteOrder, text string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune("\ufeff" + text)) {
		b = order.AppendUint16(b, unit)
	}
	return string(b)
}

func TestBadRowsNameFileAndLine(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "the data set is empty"},
		{"only space", " \n ", "the data set is empty"},
		{"empty array", "[]", "the data set is empty"},
		{"broken", datatest.TwoRows + `{"instruction": "a", output: "b"}`, "bad.json:3: broken JSON"},
		{"broken array", "[\n{\"instruction\": \"a\",\n\"output\" \"b\"}]", "bad.json:3: broken JSON"},
		{"cut off", datatest.TwoRows + `{"instruction": "a", "out`, "the file ends in the middle"},
		{"cut array", "[" + strings.Split(datatest.TwoRows, "\n")[0], "the file ends in the middle"},
		{"a number", datatest.TwoRows + "7\n", "bad.json:3: want an object"},
		{"no output", datatest.TwoRows + `{"instruction": "a"}`, `bad.json:3: no "output"`},
		{"wrong type", datatest.TwoRows + "\n" + `{"instruction": "a", "output": {"b": 5}}`,
			`bad.json:4: "output" is`},
		{"null", datatest.TwoRows + "\n" + `{"instruction": "a", "output": null}`, `bad.json:4: "output" is null`},
		{"labels", `{"input_ids": [1, 2], "labels": [1]}`, "bad.json:1: 1 labels for 2 input_ids"},
		{"shifted", `{"input_ids": [1, 5, 6], "labels": [5, 6, -100]}`, "labels are not shifted"},
		{"masked", `{"input_ids": [1, 2], "labels": [-100, -100]}`, "no record has a learned token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := datatest.LoadAlpaca(datatest.Write(t, "bad.json", c.text), data.Options{})
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := datatest.LoadAlpaca(filepath.Join(t.TempDir(), "none.json"), data.Options{})
	require.ErrorIs(t, err, os.ErrNotExist)
}

// Texts keep all of their bytes.
func TestT14TextComesThrough(t *testing.T) {
	for name, row := range map[string]string{
		"NUL": `{"instruction": "a\u0000b", "output": "c"}`, "emoji": `{"instruction": "😀\ud83d\ude00", "output": "é"}`,
		"CRLF":          "{\"instruction\": \"a\\r\\nb\", \"output\": \"c\"}\r\n",
		"mark and CRLF": "\ufeff{\"instruction\": \"a\", \"output\": \"c\"}\r\n",
	} {
		s, err := datatest.LoadAlpaca(datatest.Write(t, "a.jsonl", row), data.Options{})
		require.NoError(t, err, name)
		require.Len(t, s.Examples, 1)
	}
	s, err := datatest.LoadAlpaca(datatest.Write(t, "a.jsonl", `{"instruction": "a\u0000b\r\nc", "output": "😀"}`),
		data.Options{})
	require.NoError(t, err)
	require.Contains(t, datatest.Letters{}.Decode(s.Examples[0].Tokens), "a\x00b\r\nc\n\n### Response:😀")
	_, err = datatest.LoadAlpaca(datatest.Write(t, "a.jsonl", "\xff\xfe{\x00\x00"), data.Options{})
	require.ErrorContains(t, err, "the file is UTF-16 and ends in the middle of a character")
}
