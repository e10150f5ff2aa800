package identify

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
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
		"meta/params.json": "", "meta/consolidated.00.pth": "", "bin/config.json": "{}", "bin/pytorch_model.bin": "",
		"cache/refs/main": "abc", "cache/snapshots/abc/config.json": "{}", "cache/snapshots/abc/model.safetensors": "",
		"outer/inner/config.json": "{}", "outer/inner/model.safetensors": "",
		"run/config.yaml": "", "run/metrics.jsonl": "",
		"a.gguf": "GGUF", "empty/readme": "",
		"ggufs/a.gguf": "", "ggufs/b-00001-of-00002.gguf": "", "ggufs/b-00002-of-00002.gguf": "",

		"packed/m.tgz": "\x1f\x8b\x08", "packed/readme": "", "loading/m.gguf.part": "GGUF",

		"gguf/b-00001-of-00002.gguf": "GGUF", "gguf/b-00002-of-00002.gguf": "GGUF", "gguf/config.json": "{}",
		"bareadapter/adapter_model.bin": "", "bare/config.json": "{}",
	})
	for name, want := range map[string]Path{
		"model":      {Kind: Model, What: "a model"},
		"[odd] name": {Kind: Model, What: "a model"},
		"bare":       {Kind: Model, What: "a model without weights"},
		"adapter":    {Kind: Adapter, What: "an adapter"},
		"mlx":        {Kind: Foreign, What: "an adapter of MLX"},
		"other": {Kind: Foreign,
			What: "an adapter, but none of PEFT's: its adapter_config.json has no peft_type"},
		"bareadapter": {Kind: Foreign, What: "an adapter's weights without its adapter_config.json",
			Do: "download it too, from where the weights are from"},
		"lit":              {Kind: Foreign, What: "a model of LitGPT"},
		"litlora":          {Kind: Foreign, What: "an adapter of LitGPT"},
		"trainer":          {Kind: Foreign, What: "a checkpoint of Hugging Face's Trainer"},
		"ours":             {Kind: Checkpoint, What: "a checkpoint of fettle"},
		"meta":             {Kind: Model, What: "a model in Meta's format"},
		"meta/params.json": {Kind: Foreign, What: "an empty file", Use: "meta", Do: "download it again"},
		"bin":              {Kind: Model, What: "a model"},
		"run":              {Kind: Run, What: "the directory of a run that has no result yet"},
		"a.gguf":           {Kind: Model, What: "a GGUF file"},
		"ggufs": {Kind: Foreign, What: "a directory with 2 GGUF files (a.gguf, b-00001-of-00002.gguf)",
			Do: "give one of them"},
		"gguf":              {Kind: Model, What: "a directory with a GGUF file"},
		"empty":             {Kind: Other, What: "a directory without a model or an adapter"},
		"nothing":           {Kind: Missing, What: "missing"},
		"model/config.json": {Kind: Foreign, What: "a file, not a directory", Use: "model"},
		"named": {Kind: Other, What: "a directory with an adapter in a directory of its own",
			Use: "named/default2"},
		"packed": {Kind: Other, What: "a directory without a model or an adapter; m.tgz there is a gzip archive",
			Do: "unpack it"},
		"loading": {Kind: Other, Do: "continue it",
			What: "a directory without a model or an adapter; m.gguf.part there is a download that has not ended"},
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

func TestModelsAreFoundByTheirLayout(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	// One layer of width 2 with one head, hidden 3, 5 tokens, 4 positions; the head is its own where V is negative.
	legacy := func(vocab int32, floats int) string {
		var b bytes.Buffer
		require.NoError(t, binary.Write(&b, binary.LittleEndian, []int32{2, 3, 1, 1, 1, vocab, 4}))
		return b.String() + strings.Repeat("\x00", 4*floats)
	}
	const shared = 5*2 + 2*2 + 4*2*2 + 3*2*3 + 2 + 4*2
	put("hf/config.json", "{}")
	put("hf/model.safetensors", "")
	put("meta/params.json", "{}")
	put("meta/consolidated.00.pth", "")
	put("one/config.json", "{}")
	put("several/a.gguf", "GGUF")
	put("several/b.gguf", "GGUF")
	for path, want := range map[string]Layout{
		filepath.Join(dir, "hf"): HuggingFace, filepath.Join(dir, "meta"): Meta, filepath.Join(dir, "one"): "",
		filepath.Join(dir, "several"): "", put("x.gguf", "GGUF"): GGUFModel, put("v1.bin", "24ka"): Llama2CFile,
		put("v0.bin", legacy(5, shared)): Llama2CFile, put("own.bin", legacy(-5, shared+10)): Llama2CFile,
		put("short.bin", legacy(5, shared-1)): "", put("other.bin", legacy(-5, shared)): "",
		put("v0.dat", legacy(5, shared)): "", filepath.Join(dir, "none"): "",
	} {
		layout, at := ModelAt(path)
		require.Equal(t, want, layout, path)
		require.Equal(t, path, at)
	}
	inside := put("gguf/m-00001-of-00003.gguf", "GGUF")
	put("gguf/m-00002-of-00003.gguf", "GGUF")
	put("gguf/readme.md", "")
	layout, at := ModelAt(filepath.Join(dir, "gguf"))
	require.Equal(t, GGUFModel, layout)
	require.Equal(t, inside, at)
	for name, want := range map[string][2]int{
		"m-00002-of-00003.gguf": {2, 3}, "m-00004-of-00003.gguf": {}, "m-0002-of-00003.gguf": {}, "m.gguf": {},
		"m-000a2-of-00003.gguf": {}, "m-00002-of-00003.bin": {},
	} {
		i, of := Part(name)
		require.Equal(t, want, [2]int{i, of}, name)
	}
}

func TestCheckpointsAreInTheOrderOfTheirSteps(t *testing.T) {
	dir := t.TempDir()
	for name, files := range map[string][]string{
		"checkpoint-1000": {"adapter_config.json"}, "checkpoint-60": {"config.json", "model.safetensors"},
		"checkpoint-500": {"adapter_config.json"}, "checkpoint-2000": {"optimizer.pt"}, "checkpoint-best": {"config.json"},
		"elsewhere": {"adapter_config.json"},
	} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o755))
		for _, file := range files {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name, file), []byte(`{"peft_type": "LORA"}`), 0o644))
		}
	}
	var want []string
	for _, name := range []string{"checkpoint-60", "checkpoint-500", "checkpoint-1000"} {
		want = append(want, filepath.Join(dir, name))
	}
	require.Equal(t, want, Checkpoints(dir))
	require.Equal(t, Run, Of(dir).Kind)
}
