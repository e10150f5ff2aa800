package datatest

import (
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/encode"
	"fettle/data/recipe"
	"fettle/data/source"
	"fettle/model/tokenizer"
)

// TwoRows are two good rows of the format alpaca.
const TwoRows = `{"instruction": "Say hi.", "input": "", "output": "Hi."}
{"instruction": "Add.", "input": "2 3", "output": "5"}
`

// Write writes a file to a temporary directory of the test and returns its path.
func Write(t testing.TB, name, text string) string {
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

// Load loads one file.
func Load(tok encode.Tokenizer, r recipe.Recipe, path string, o data.Options) (*data.Set, error) {
	return data.Load(tok, r, []source.File{{Path: path}}, o)
}

// LoadAlpaca loads one file in the recipe alpaca, tokenized into Letters.
func LoadAlpaca(path string, o data.Options) (*data.Set, error) {
	r, err := recipe.Find("alpaca")
	if err != nil {
		return nil, err
	}
	return Load(Letters{}, r, path, o)
}

// Shared returns the directory of the reference data: FETTLE_DATA, by default ../shared beside the repository.
// The test is skipped if there is none.
func Shared(t testing.TB) string {
	dir := os.Getenv("FETTLE_DATA")
	if dir == "" {
		dir = filepath.Join(root(t), "..", "shared")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("reference data not found; set FETTLE_DATA")
	}
	return dir
}

// root returns the directory of go.mod.
func root(t testing.TB) string {
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		require.NotEqual(t, filepath.Dir(dir), dir, "no go.mod above the test")
		dir = filepath.Dir(dir)
	}
}

// LLaMA returns the tokenizer of LLaMA 1 and 2 from the reference data.
func LLaMA(t testing.TB) *tokenizer.Tokenizer {
	tok, err := tokenizer.Load(filepath.Join(Shared(t), "data/tokenizers/llama12/tokenizer.model"))
	require.NoError(t, err)
	return tok
}

// Rows iterates over the rows of a file.
func Rows(path string) iter.Seq2[source.Row, error] {
	return func(yield func(source.Row, error) bool) {
		file, err := source.Open(source.File{Path: path, Format: "text"}, nil)
		if err != nil {
			yield(source.Row{}, err)
			return
		}
		for r, err := range file.Records() {
			row := source.Row{}
			if err == nil {
				row, err = r.Row()
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}
