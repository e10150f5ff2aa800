package identify

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNamesOfOtherMachinesAreFetchedByCommands(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.MkdirAll("here/model", 0o755))
	const (
		get   = "hf download owner/Some-Model-7b.v2 --local-dir Some-Model-7b.v2"
		clone = "git clone https://huggingface.co/owner/Some-Model-7b.v2"
	)
	both := []string{get, clone}
	for name, want := range map[string]Remote{
		"owner/Some-Model-7b.v2":                                  {Fetch: both, To: "Some-Model-7b.v2"},
		"https://huggingface.co/owner/Some-Model-7b.v2":           {Fetch: both, To: "Some-Model-7b.v2"},
		"https://huggingface.co/owner/Some-Model-7b.v2/":          {Fetch: both, To: "Some-Model-7b.v2"},
		"https://huggingface.co/owner/Some-Model-7b.v2/tree/main": {Fetch: both, To: "Some-Model-7b.v2"},
		"huggingface.co/owner/Some-Model-7b.v2":                   {Fetch: both, To: "Some-Model-7b.v2"},
		"hf.co/owner/Some-Model-7b.v2":                            {Fetch: both, To: "Some-Model-7b.v2"},
		"hf://owner/Some-Model-7b.v2":                             {Fetch: both, To: "Some-Model-7b.v2"},
		"https://huggingface.co/owner/name/resolve/main/a.gguf": {
			Fetch: []string{"curl -L -O https://huggingface.co/owner/name/resolve/main/a.gguf"}, To: "a.gguf"},
		"https://huggingface.co/owner/name/blob/v1/b/a.gguf?download=": {
			Fetch: []string{"curl -L -O https://huggingface.co/owner/name/resolve/v1/b/a.gguf"}, To: "a.gguf"},
		"owner/name@v1.0": {Fetch: []string{"hf download owner/name --revision v1.0 --local-dir name",
			"git clone --branch v1.0 https://huggingface.co/owner/name"}, To: "name"},
		"owner/name:Q4_K_M": {Fetch: []string{"hf download owner/name --include '*Q4_K_M*' --local-dir name",
			"git clone https://huggingface.co/owner/name"}, To: "name"},
		"https://example.org/a b.gguf?x=1": {Fetch: []string{"curl -L -o 'a b.gguf' 'https://example.org/a b.gguf?x=1'"},
			To: "a b.gguf"},
		"s3://bucket/models/llama": {To: "llama"},
		"llama3.2:1b": {Fetch: []string{"ollama show --modelfile llama3.2:1b"},
			To: "the file that its line FROM names"},
	} {
		got, ok := RemoteAt(name, false)
		require.True(t, ok, name)
		want.What = got.What
		require.Equal(t, want, got, name)
		require.Equal(t, HubName, Of(name).Kind, name)
	}
	set := []string{"hf download owner/set --repo-type dataset --local-dir set",
		"git clone https://huggingface.co/datasets/owner/set"}
	for _, name := range []string{"owner/set", "https://huggingface.co/datasets/owner/set", "hf://datasets/owner/set"} {
		got, ok := RemoteAt(name, true)
		require.True(t, ok, name)
		require.Equal(t, set, got.Fetch, name)
	}
	for _, name := range []string{"here/model", "here/other", "./owner/name", "a/b/c", "owner/name.json",
		"models/llama-7b",
		"runs/first", "name", "/owner/name", "", "llama-7b", "owner/", "C:"} {
		_, ok := RemoteAt(name, false)
		require.False(t, ok, name)
	}
}

func TestAPathAtWhichNothingIsIsExplained(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	require.NoError(t, os.MkdirAll("runs/demo-lora", 0o755))
	for path, want := range map[string]string{
		"runs/demo-lroa":           "there is no such file or directory, did you mean runs/demo-lora",
		"run/demo-lora":            "did you mean runs/demo-lora",
		"run/demo/x":               "there is no such file or directory in",
		filepath.Join(dir, "runz"): "did you mean " + filepath.Join(dir, "runs"),
		"nothing-like-it":          "there is no such file or directory in " + dir,
		"file:///data/llama":       "give its path, /data/llama",
		"gs://bucket/llama":        "copy it to this machine and give its path",
		"owner/name":               "get it by\n  hf download owner/name --local-dir name\nor by\n  git clone https://",
	} {
		require.Contains(t, Absent(path, false), want, path)
	}
}
