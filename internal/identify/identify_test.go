package identify

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 26\n"

func torch(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	_, err := w.Create("archive/data.pkl")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

func TestFilesAreKnownByTheirFirstBytes(t *testing.T) {
	for text, want := range map[string]Content{
		"":                                   Empty,
		pointer:                              Pointer,
		"GGUF\x03\x00\x00\x00":               GGUF,
		"\x08\x00\x00\x00\x00\x00\x00\x00{}": Safetensors,
		"\x80\x02}q\x00.":                    Pickle,
		"\x1f\x8b\x08\x00":                   Gzip,
		torch(t):                             Torch,
		" \n<!DOCTYPE html><html>Sign in":    WebPage,
		"\xef\xbb\xbf<HTML><body>404":        WebPage,
		`{"model_type": "llama"}`:            Unknown,
		"<|begin|> of a text":                Unknown,
	} {
		path := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		require.Equal(t, want, File(path), "%q", text)
	}
	require.Equal(t, Unknown, File(t.TempDir()), "a directory")
}

func TestDamageSaysWhatToDo(t *testing.T) {
	require.ErrorContains(t, Damage([]byte(pointer)), "run git lfs pull")
	require.ErrorContains(t, Damage([]byte("<html>")), "download it again")
	require.ErrorContains(t, Damage(nil), "an empty file")
	require.NoError(t, Damage([]byte(`{"a": 1}`)))
	require.NoError(t, Damage([]byte("GGUF")), "a sound file of another format")
}

func TestPathsAreKnownByWhatTheyHold(t *testing.T) {
	top := t.TempDir()
	write := func(files map[string]string) {
		for name, text := range files {
			path := filepath.Join(top, name)
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		}
	}
	write(map[string]string{
		"model/config.json": "{}", "model/model.safetensors": "",
		"[odd] name/config.json": "{}", "[odd] name/model-00001-of-00002.safetensors": "",
		"adapter/adapter_config.json": `{"peft_type": "LORA"}`, "adapter/adapter_model.safetensors": "",
		"named/default2/adapter_config.json": `{"peft_type": "LORA"}`,
		"mlx/adapter_config.json":            `{"num_layers": 4}`, "mlx/adapters.safetensors": "",
		"other/adapter_config.json": `{"rank": 4}`, "lit/lit_model.pth": "", "lit/config.json": "{}",
		"litlora/lit_model.pth.lora": "",
		"trainer/trainer_state.json": "{}", "trainer/optimizer.pt": "",
		"trainer/adapter_config.json": `{"peft_type": "LORA"}`,
		"ours/MANIFEST.json":          "{}", "ours/state.json": "{}", "ours/adapter_config.json": "{}",
		"meta/params.json": "{}", "meta/consolidated.00.pth": "", "bin/config.json": "{}", "bin/pytorch_model.bin": "",
		"cache/refs/main": "abc", "cache/snapshots/abc/config.json": "{}", "cache/snapshots/abc/model.safetensors": "",
		"outer/inner/config.json": "{}", "outer/inner/model.safetensors": "",
		"run/config.yaml": "", "run/metrics.jsonl": "",
		"a.gguf": "GGUF", "empty/readme": "", "bareadapter/adapter_model.bin": "", "bare/config.json": "{}",
	})
	for name, want := range map[string]Path{
		"model":      {Kind: Model, What: "a model"},
		"[odd] name": {Kind: Model, What: "a model"},
		"bare":       {Kind: Model, What: "a model without weights"},
		"adapter":    {Kind: Adapter, What: "an adapter"},
		"mlx":        {Kind: Foreign, What: "an adapter of MLX"},
		"other": {Kind: Foreign,
			What: "an adapter, but none of PEFT's: its adapter_config.json has no peft_type"},
		"bareadapter":       {Kind: Foreign, What: "an adapter's weights without its adapter_config.json"},
		"lit":               {Kind: Foreign, What: "a model of LitGPT"},
		"litlora":           {Kind: Foreign, What: "an adapter of LitGPT"},
		"trainer":           {Kind: Foreign, What: "a checkpoint of Hugging Face's Trainer"},
		"ours":              {Kind: Checkpoint, What: "a checkpoint of fettle"},
		"meta":              {Kind: Foreign, What: "a model in Meta's format"},
		"bin":               {Kind: Model, What: "a model"},
		"run":               {Kind: Run, What: "the directory of a run that has no result yet"},
		"a.gguf":            {Kind: Foreign, What: "a GGUF file"},
		"empty":             {Kind: Other, What: "a directory without a model or an adapter"},
		"nothing":           {Kind: Missing, What: "missing"},
		"model/config.json": {Kind: Foreign, What: "a file, not a directory", Use: "model"},
		"named": {Kind: Other, What: "a directory with an adapter in a directory of its own",
			Use: "named/default2"},
		"outer": {Kind: Other, What: "a directory with a model in a directory of its own",
			Use: "outer/inner"},
		"cache": {Kind: Foreign, What: "a directory of the Hugging Face cache",
			Use: "cache/snapshots/abc"},
	} {
		if want.Use != "" {
			want.Use = filepath.Join(top, want.Use)
		}
		require.Equal(t, want, Of(filepath.Join(top, name)), name)
	}
	require.Equal(t, HubName, Of("some-owner/Some-Model-7b.v2").Kind)
	require.Equal(t, Missing, Of("./some-owner/model").Kind, "a path")
	require.Equal(t, Missing, Of("a/b/c").Kind, "a path")
	require.True(t, Holds(filepath.Join(top, "trainer"), Adapter), "an adapter too")
	require.False(t, Holds(filepath.Join(top, "trainer"), Model))
}
