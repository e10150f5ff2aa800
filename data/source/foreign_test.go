package source_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/internal/datatest"
)

func TestFilesThatHoldNoRowsAreNamed(t *testing.T) {
	pointer := "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n"
	for _, c := range []struct{ name, text, want string }{
		{"a.json", pointer, "it is a git-lfs pointer, not a data set: run git lfs pull"},
		{"a.parquet", pointer, "git-lfs pointer"},
		{"a.csv", pointer, "git-lfs pointer"},
		{"a.txt", pointer, "git-lfs pointer"},
		{"a.jsonl", "\n<!DOCTYPE html>\n<html>", "it is a web page, not a data set"},
		{"a.csv", "PK\x03\x04rest", "it is a zip archive"},
		{"a.arrow", "\xff\xff\xff\xff", "save it as parquet"},
		{"a.json", "\x28\xb5\x2f\xfd", "zstd"},
		{"a.json", "SQLite format 3\x00", "an SQLite database, not a data set: export its table"},
	} {
		t.Run(c.name+" "+c.want, func(t *testing.T) {
			_, err := datatest.LoadAlpaca(datatest.Write(t, c.name, c.text), data.Options{})
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, c.name)
		})
	}
	s, err := datatest.LoadAlpaca(datatest.Write(t, "a.txt", "<html> is the first tag of a page."), data.Options{})
	require.NoError(t, err, "a text may be about pages")
	require.Equal(t, "⟦<html> is the first tag of a page.¶⟧", datatest.Marked(s.Examples[0]))
}

func TestRowsInsideAnObjectKeepTheirLines(t *testing.T) {
	for _, c := range []struct{ reason, text, want string }{
		{"a bad row", "{\"n\": 1,\n\"rows\": [\n{\"instruction\": \"a\", \"output\": \"b\"},\n{\"instruction\": \"a\"}]}",
			`a.json:4: no "output"`},
		{"a second list", `{"train": [{"instruction": "a", "output": "b"}], "test": [{"instruction": "c", "output": "d"}]}`,
			`there is also a list "test"`},
		{"cut off", `{"train": [{"instruction": "a", "output": "b"}`, "the file ends in the middle of a record"},
		{"text behind it", `{"train": [{"instruction": "a", "output": "b"}]} {}`, "text behind the object"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			_, err := datatest.LoadAlpaca(datatest.Write(t, "a.json", c.text), data.Options{})
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestANameOfAHubIsNamed(t *testing.T) {
	_, err := datatest.LoadAlpaca("somebody/some-set", data.Options{})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "hf download somebody/some-set --repo-type dataset")
	_, err = datatest.LoadAlpaca("folder/rows.json", data.Options{})
	require.NotContains(t, err.Error(), "Hub")
}

func TestADirectoryIsNamedByWhatItHolds(t *testing.T) {
	for want, files := range map[string][]string{
		"give its files, DIR/*.csv (1)":                        {"a.csv", "readme.md"},
		"give its files, DIR/*.jsonl (2)":                      {"a.jsonl", "b.jsonl"},
		"give its files, DIR/data/*.parquet (1)":               {"README.md", "data/train.parquet"},
		"give its files, DIR/*/*.json (1)":                     {"en/a.json"},
		"DIR is a directory without files of data":             {"readme"},
		"DIR is an adapter, not a data set: give it as --adap": {"adapter_config.json"},
		"DIR is a model, not a data set: give it as --model":   {"config.json", "model.safetensors"},
		"DIR is the directory of a run that has no result yet": {"config.yaml", "metrics.jsonl"},
		"give DIR/dataset_info.json:NAME":                      {"dataset_info.json", "a.json"},
	} {
		dir := t.TempDir()
		for _, name := range files {
			path := filepath.Join(dir, name)
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, []byte(`{"peft_type": "LORA"}`), 0o644))
		}
		_, err := datatest.LoadAlpaca(dir, data.Options{})
		require.ErrorContains(t, err, strings.ReplaceAll(want, "DIR", dir))
	}
}

func TestBinaryFilesAreNoData(t *testing.T) {
	for text, want := range map[string]string{
		"\x7fELF\x00\x00":                          "it is not text",
		"\x0a\x0e\x00unk":                          "it is not text",
		"{\x00\"\x00a\x00":                         "UTF-16 without a byte-order mark",
		"GGUF\x03\x00\x00\x00abc":                  "it is a GGUF file, not a data set: it holds the weights of a model",
		"\x08\x00\x00\x00\x00\x00\x00\x00{}      ": "it is a safetensors file, not a data set",
	} {
		_, err := datatest.LoadAlpaca(datatest.Write(t, "a.json", text), data.Options{})
		require.ErrorContains(t, err, want)
	}
}
