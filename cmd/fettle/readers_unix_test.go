//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/readfile"
	"fettle/internal/tinymodel"
)

// reader is a file that the program reads: where it lies in a prepared directory, its bound (0: none), and a command
// that reads it.
type reader struct {
	name string // below the directory
	most int64
	args []string // $ stands for the directory
}

// readers lists a file of every kind that docs/SECURITY.md bounds, and those of its owner's directories.
func readers() []reader {
	generate := []string{"generate", "--model_name_or_path", "$/model", "--prompt", "a", "--max_new_tokens", "1"}
	raw := append(generate[:len(generate):len(generate)], "--raw")
	adapted := append(raw[:len(raw):len(raw)], "--adapter_name_or_path", "$/adapter")
	train := []string{"train", "--model_name_or_path", "$/model", "--output_dir", "$/run", "--recipe", "alpaca-lora-short",
		"--val_size", "0", "--max_steps", "3", "--per_device_train_batch_size", "1"}
	learn := append(train[:len(train):len(train)], "--dataset", "$/rows.jsonl")
	with := func(args []string, more ...string) []string { return append(args[:len(args):len(args)], more...) }
	return []reader{
		{"model/config.json", readfile.Settings, raw},
		{"model/tokenizer.json", readfile.Tokenizer, raw},
		{"model/tokenizer_config.json", readfile.Tokenizer, raw},
		{"model/special_tokens_map.json", readfile.Tokenizer, raw},
		{"model/added_tokens.json", readfile.Tokenizer, raw},
		{"model/generation_config.json", readfile.Settings, raw},
		{"model/chat_template.jinja", readfile.Settings, generate},
		{"model/chat_template.json", readfile.Settings, generate},
		{"model/model.safetensors", 0, raw},
		{"model/model.safetensors.index.json", readfile.Index, raw},
		{"adapter/adapter_config.json", readfile.Settings, adapted},
		{"adapter/adapter_model.safetensors", 0, adapted},
		{"adapter/" + adapter.RecordFile, readfile.Settings, adapted},
		{"prompt.txt", readfile.Text, with(raw[:3], "--raw", "--max_new_tokens", "1", "--prompt", "@$/prompt.txt")},
		{"prompts.jsonl", 0, with(raw[:3], "--raw", "--max_new_tokens", "1", "--input_file", "$/prompts.jsonl",
			"--output_file", "$/answers.jsonl")},
		{"samples.txt", readfile.Settings, with(learn, "--sample_prompts", "@$/samples.txt", "--sample_steps", "1")},
		{"rows.jsonl", 0, learn},
		{"rows.csv", 0, with(train, "--dataset", "$/rows.csv")},
		{"rows.parquet", 0, with(train, "--dataset", "$/rows.parquet")},
		{"dataset_info.json", readfile.Settings, with(train, "--dataset", "$/dataset_info.json:x")},
		{"config.yaml", readfile.Settings, with(learn, "--config", "$/config.yaml")},
		{"key", readfile.Settings, []string{"serve", "--model_name_or_path", "$/model", "--api_key_file", "$/key", "--port",
			"99999"}},
		{"text.txt", readfile.Text, []string{"convert", "--input", "$/model", "--output_dir", "$/other",
			"--certificate_data", "$/text.txt"}},
		{"weights.gguf", 0, []string{"generate", "--model_name_or_path", "$/weights.gguf", "--prompt", "a"}},
		{"lora.gguf", 0, with(raw, "--adapter_name_or_path", "$/lora.gguf")},
		{"template.jinja", readfile.Settings, with(generate, "--recipe", "$/template.jinja")},
	}
}

// At the place of every file there may stand something else. It is refused at once, by its name.
func TestEveryReaderTakesRegularFilesAlone(t *testing.T) {
	base := t.TempDir()
	good := filepath.Join(base, "good")
	require.NoError(t, tinymodel.Write(filepath.Join(good, "model"), tinymodel.Config{
		Vocab: tinymodel.ByteLevelSize, MaxPositions: 64}, 7))
	require.NoError(t, tinymodel.WriteByteLevelTokenizer(filepath.Join(good, "model")))
	adapted := asPEFT(t, filepath.Join(good, "model"), "../model")
	require.NoError(t, os.Rename(adapted, filepath.Join(good, "adapter")))
	write(t, good, "rows.jsonl", `{"instruction": "a", "output": "b"}`+"\n")
	for _, r := range readers() {
		for kind, c := range map[string]struct {
			put  func(path string) error
			want string
		}{
			"pipe": {func(path string) error { return syscall.Mkfifo(path, 0o600) }, "is a pipe"},
			"device": {func(path string) error { return os.Symlink("/dev/zero", path) },
				"is a device|is a link to /dev/zero, outside of"},
			"directory": {func(path string) error { return os.Mkdir(path, 0o700) },
				"(is|as) a directory|config.yaml/config.yaml: there is no such"},
			"large": {func(path string) error {
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					return err
				}
				return os.Truncate(path, r.most+1)
			}, "has more than|longer than 64 MiB"},
		} {
			if kind == "large" && r.most == 0 {
				continue
			}
			t.Run(r.name+" "+kind, func(t *testing.T) {
				dir, err := os.MkdirTemp(base, "")
				require.NoError(t, err)
				require.NoError(t, os.CopyFS(dir, os.DirFS(good)))
				path := filepath.Join(dir, r.name)
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
				require.NoError(t, os.RemoveAll(path))
				require.NoError(t, c.put(path))
				code, said := promptly(t, placed(r.args, dir)...)
				require.Contains(t, []int{exitUsage, exitData, exitMissing, exitRefused, exitIO}, code, said)
				require.Regexp(t, c.want, said)
			})
		}
	}
}

// promptly runs the program, which must end.
func promptly(t *testing.T, args ...string) (code int, said string) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		code, _, said = call("", args...)
	}()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		require.Fail(t, "it hangs")
	}
	return code, said
}

// placed puts a directory in the place of $.
func placed(args []string, dir string) (all []string) {
	for _, a := range args {
		all = append(all, strings.ReplaceAll(a, "$", dir))
	}
	return all
}

// What a run has written is read again when it continues. What is no file there counts as damaged, and is passed over.
func TestARunPassesOverWhatIsNoFile(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 4)
	first, cache := filepath.Join(t.TempDir(), "run"), t.TempDir()
	args := func(out, steps string) []string {
		return training(base, set, out, "--val_size", "0", "--max_steps", steps, "--save_steps", "1", "--data_cache", cache,
			"--num_train_epochs", "9")
	}
	must(t, args(first, "2")...)
	newest := "checkpoint-000002"
	for _, name := range []string{"MANIFEST.json", "state.json", "optimizer.safetensors", adapter.WeightsFile} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "run")
			require.NoError(t, os.CopyFS(out, os.DirFS(first)))
			path := filepath.Join(out, newest, name)
			require.NoError(t, os.Remove(path))
			require.NoError(t, syscall.Mkfifo(path, 0o600))
			code, said := promptly(t, args(out, "3")...)
			require.Zero(t, code, said)
		})
	}
	kept, err := filepath.Glob(filepath.Join(cache, "*.fettle"))
	require.NoError(t, err)
	require.Len(t, kept, 1)
	require.NoError(t, os.Remove(kept[0]))
	require.NoError(t, syscall.Mkfifo(kept[0], 0o600))
	code, said := promptly(t, args(first, "3")...)
	require.Zero(t, code, said)

	prompts, answers := file(t, "prompts.jsonl", `{"prompt": "a"}`+"\n"), filepath.Join(t.TempDir(), "answers.jsonl")
	require.NoError(t, syscall.Mkfifo(filepath.Join(filepath.Dir(answers), ".answers.jsonl.lock"), 0o600))
	code, said = promptly(t, batchOf(base, prompts, answers)...)
	require.NotZero(t, code)
	require.Contains(t, said, "is a link, or no file")
}

// A model or an adapter from a stranger must not make another file of this machine a part of what is read.
func TestLinksOutOfADirectoryAreRefused(t *testing.T) {
	base := t.TempDir()
	require.NoError(t, tinymodel.Write(filepath.Join(base, "model"), tinymodel.Config{
		Vocab: tinymodel.ByteLevelSize, MaxPositions: 64, Shards: 2}, 7))
	require.NoError(t, tinymodel.WriteByteLevelTokenizer(filepath.Join(base, "model")))
	require.NoError(t, os.Rename(asPEFT(t, filepath.Join(base, "model"), "../model"), filepath.Join(base, "adapter")))
	for name, text := range map[string]string{
		"special_tokens_map.json": "{}", "added_tokens.json": "{}", "generation_config.json": "{}",
		"chat_template.jinja": "{{ messages[0].content }}", "chat_template.json": `{"chat_template": "a"}`,
	} {
		write(t, filepath.Join(base, "model"), name, text)
	}
	write(t, filepath.Join(base, "adapter"), adapter.RecordFile, "{}")
	write(t, base, "rows.jsonl", `{"instruction": "a", "output": "b"}`+"\n")
	list := append(readers(), reader{"model/model-00002-of-00002.safetensors", 0, readers()[0].args})
	secret := t.TempDir()
	for _, r := range list {
		good := filepath.Join(base, r.name)
		_, err := os.Stat(good)
		dir := filepath.Dir(r.name)
		if err != nil || dir == "." || r.name == "model/chat_template.json" { // which another one precedes
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			code, said := promptly(t, placed(r.args, base)...)
			require.Zero(t, code, said)
			elsewhere := filepath.Join(secret, strings.ReplaceAll(r.name, "/", "-"))
			require.NoError(t, os.Rename(good, elsewhere))
			require.NoError(t, os.Symlink(elsewhere, good))
			code, said = promptly(t, placed(r.args, base)...)
			require.Equal(t, exitRefused, code, said)
			require.Contains(t, said, filepath.Base(r.name)+": it is a link to "+elsewhere+", outside of ")
			require.NoError(t, os.Remove(good))
			require.NoError(t, os.Link(elsewhere, good))
			code, said = promptly(t, placed(r.args, base)...)
			require.Zero(t, code, "a hard link is the file itself: %s", said)
		})
	}
}

// The cache of Hugging Face keeps a model as links: snapshots/REVISION/config.json → ../../blobs/HASH.
func TestModelsInTheCacheOfHuggingFaceAreRead(t *testing.T) {
	model := tiny(t, tinymodel.Config{Shards: 2})
	want := must(t, "generate", "--model_name_or_path", model, "--raw", "--prompt", "a", "--max_new_tokens", "4",
		"--temperature", "0")
	hub := filepath.Join(t.TempDir(), "models--somebody--tiny")
	snapshot := filepath.Join(hub, "snapshots", strings.Repeat("a", 40))
	require.NoError(t, os.MkdirAll(snapshot, 0o700))
	require.NoError(t, os.Mkdir(filepath.Join(hub, "blobs"), 0o700))
	files, err := os.ReadDir(model)
	require.NoError(t, err)
	for i, f := range files {
		name := fmt.Sprintf("%040x", i)
		if strings.HasSuffix(f.Name(), ".safetensors") { // large files are named by another hash
			name = fmt.Sprintf("%064x", i)
		}
		require.NoError(t, os.Rename(filepath.Join(model, f.Name()), filepath.Join(hub, "blobs", name)))
		require.NoError(t, os.Symlink("../../blobs/"+name, filepath.Join(snapshot, f.Name())))
	}
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(snapshot, link))
	for _, dir := range []string{snapshot, link} {
		require.Equal(t, want, must(t, "generate", "--model_name_or_path", dir, "--raw", "--prompt", "a",
			"--max_new_tokens", "4", "--temperature", "0"))
	}
}
