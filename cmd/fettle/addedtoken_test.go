package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

// Published LLaMA 2 files have a <pad> without a row in the embedding: fine, until a text has it.
func TestAddedTokensNeedNoRowsUntilATextHasThem(t *testing.T) {
	base := tinyBytes(t)
	added := filepath.Join(base, "added_tokens.json")
	require.NoError(t, os.WriteFile(added, []byte(`{"<pad>": 263}`), 0o644))
	require.Equal(t, 263, tinymodel.ByteLevelSize)
	args := []string{"generate", "--model_name_or_path", base, "--raw", "--temperature", "0", "--max_new_tokens", "3"}
	with := must(t, append(args, "--prompt", "say a")...)
	code, _, said := call("", append(args, "--prompt", "say <pad>")...)
	require.Equal(t, 65, code)
	require.Contains(t, said, `token 263, "<pad>", has no row in the model's embedding of 263 rows`)

	out := filepath.Join(t.TempDir(), "run")
	set := filepath.Join(t.TempDir(), "set.jsonl")
	row := `{"instruction": "say", "input": "", "output": "a <pad>"}` + "\n"
	require.NoError(t, os.WriteFile(set, []byte(row+row+row+row+row), 0o644))
	code, _, said = call("", training(base, set, out)...)
	require.Equal(t, 65, code)
	require.Contains(t, said, "set.jsonl:")
	require.Contains(t, said, `token 263, "<pad>", has no row`)

	require.NoError(t, os.Remove(added))
	require.Equal(t, must(t, append(args, "--prompt", "say a")...), with)
}
