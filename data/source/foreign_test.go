package source_test

import (
	"os"
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
