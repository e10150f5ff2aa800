package identify

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"fettle/internal/readfile"
)

// Kind states what a path is good for.
type Kind int

// The kinds of paths.
const (
	Other      Kind = iota
	Missing         // nothing is there
	HubName         // nothing is there, and it reads like a name on the Hugging Face Hub or another address
	Model           // a model in one of the layouts that ModelAt finds
	Adapter         // an adapter's directory, which this program can read
	Run             // the output directory of a run that has no result yet, and may have checkpoints
	Checkpoint      // a checkpoint of this program
	Foreign         // another program's or another format's
)

// Path describes a path.
type Path struct {
	Kind Kind
	What string // a phrase for messages: "an adapter", "a GGUF file"
	Use  string // the directory or file meant instead, where there is one
	Do   string // what else to do, where that is known
}

// Of identifies what a path holds.
func Of(path string) Path {
	info, err := os.Stat(path)
	remote, elsewhere := RemoteAt(path, false)
	switch {
	case elsewhere:
		return Path{Kind: HubName, What: remote.What}
	case err != nil:
		return Path{Kind: Missing, What: "missing"}
	case info.IsDir():
		return directory(path)
	}
	if kind := readfile.Kind(info); kind != "" {
		return Path{Kind: Other, What: kind}
	}
	return file(path)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// file describes a file.
func file(path string) Path {
	content := File(path)
	if content == GGUF || content == Llama2C {
		return Path{Kind: Model, What: string(content)}
	}
	p := Path{Kind: Foreign, What: string(content), Do: advice(content)}
	if p.What == "" {
		p.What = "a file, not a directory"
	}
	for _, name := range []string{
		"config.json", "model*.safetensors", "pytorch_model*.bin", "consolidated.*.pth", "params.json",
		"adapter_config.json", "adapter_model.*",
	} {
		if ok, _ := filepath.Match(name, filepath.Base(path)); ok {
			p.Use = filepath.Dir(path)
		}
	}
	return p
}

// advice says what to do with a file that is in the place of a model or an adapter, "" if there is no general advice.
func advice(c Content) string {
	switch c {
	case Zip, Gzip, Zstandard, XZ:
		return "unpack it"
	case Pointer:
		return "run git lfs pull in its directory, or download the file"
	case WebPage:
		return "download it again, with access to it"
	case Empty:
		return "download it again"
	}
	return ""
}

// sign recognizes a kind of directory by files of its own, all of which must be there.
type sign struct {
	files  []string
	kind   Kind
	what   string
	layout Layout // of a model with weights
}

// lacking says what to do about files without the description that belongs to them.
const lacking = "download it too, from where the weights are from"

// signs lists them; the first that matches counts.
var signs = []sign{
	{[]string{"MANIFEST.json", "state.json"}, Checkpoint, "a checkpoint of fettle", ""},
	{[]string{"optimizer.pt", "trainer_state.json"}, Foreign, "a checkpoint of Hugging Face's Trainer", ""},
	{[]string{"training_args.bin", "trainer_state.json"}, Foreign, "a checkpoint of Hugging Face's Trainer", ""},
	{[]string{"adapters.safetensors"}, Foreign, "an adapter of MLX", ""},
	{[]string{"adapters.npz"}, Foreign, "an adapter of an early MLX (adapters.npz)", ""},
	{[]string{"lit_model.pth.lora"}, Foreign, "an adapter of LitGPT", ""},
	{[]string{"lit_model.pth.adapter*"}, Foreign, "an adapter of LitGPT", ""},
	{[]string{"adapter_config.json"}, Adapter, "an adapter", ""},
	{[]string{"adapter_model.*"}, Foreign, "an adapter's weights without its adapter_config.json", ""},
	{[]string{"lit_model.pth"}, Foreign, "a model of LitGPT", ""},
	{[]string{"lit_config.json"}, Foreign, "a model of LitGPT", ""},
	{[]string{"config.json", "*.safetensors"}, Model, "a model", HuggingFace},
	{[]string{"consolidated.*.pth", "params.json"}, Model, "a model in Meta's format", Meta},
	{[]string{"config.json", "pytorch_model*.bin"}, Model, "a model", HuggingFace},
	{[]string{"*.gguf"}, Model, "a directory with a GGUF file", GGUFModel},
	{[]string{"consolidated.*.pth"}, Foreign, "a model in Meta's format without its params.json", ""},
	{[]string{"*.safetensors"}, Foreign, "a directory with safetensors files without their config.json", ""},
	{[]string{"pytorch_model*.bin"}, Foreign, "a directory with weights of PyTorch without their config.json", ""},
	{[]string{"tf_model.h5"}, Foreign, "a model of TensorFlow", ""},
	{[]string{"flax_model*.msgpack"}, Foreign, "a model of Flax", ""},
	{[]string{"*.onnx"}, Foreign, "a model of ONNX", ""},
	{[]string{"config.json"}, Model, "a model without weights", ""},
	{[]string{"config.yaml", "metrics.jsonl"}, Run, "the directory of a run that has no result yet", ""},
}

// Holds reports whether a path has the files of a kind, whatever else it has.
func Holds(path string, kind Kind) bool {
	names := namesIn(path)
	for _, s := range signs {
		if s.kind == kind && s.layout != GGUFModel && s.match(names) {
			return kind != Adapter || isPEFT(path)
		}
	}
	layout, _ := ModelAt(path)
	return kind == Model && layout != ""
}

// match reports whether all files of a sign are among the names.
func (s sign) match(names []string) bool {
	for _, pattern := range s.files {
		if !slices.ContainsFunc(names, func(n string) bool { ok, _ := filepath.Match(pattern, n); return ok }) {
			return false
		}
	}
	return true
}

// directory describes a directory by its files.
func directory(dir string) Path {
	names := namesIn(dir)
	for _, s := range signs {
		if !s.match(names) {
			continue
		}
		if s.kind == Adapter && !isPEFT(dir) {
			return Path{Kind: Foreign, What: "an adapter, but none of PEFT's: its adapter_config.json has no peft_type"}
		}
		if files := ggufFiles(names); s.layout == GGUFModel && len(files) != 1 {
			return Path{Kind: Foreign, What: fmt.Sprintf("a directory with %d GGUF files (%s)", len(files),
				strings.Join(files, ", ")), Do: "give one of them"}
		}
		p := Path{Kind: s.kind, What: s.what}
		if strings.Contains(s.what, " without ") && s.kind == Foreign {
			p.Do = lacking
		}
		return p
	}
	if len(Checkpoints(dir)) > 0 {
		return Path{Kind: Run, What: "the directory of a run that has no result yet"}
	}
	if slices.Contains(names, "snapshots") && slices.Contains(names, "refs") {
		inside := filepath.Join(dir, "snapshots")
		return Path{Kind: Foreign, What: "a directory of the Hugging Face cache",
			Use: cmp.Or(newest(inside, Adapter), newest(inside, Model))}
	}
	if inside := newest(dir, Adapter); inside != "" {
		return Path{Kind: Other, What: "a directory with an adapter in a directory of its own", Use: inside}
	}
	if inside := newest(dir, Model); inside != "" {
		return Path{Kind: Other, What: "a directory with a model in a directory of its own", Use: inside}
	}
	for _, name := range names {
		if c := File(filepath.Join(dir, name)); c != Pointer && advice(c) != "" && c != Empty {
			return Path{Kind: Other, What: fmt.Sprintf("a directory without a model or an adapter; %s there is %s", name, c),
				Do: advice(c)}
		}
		if unended(name) {
			return Path{Kind: Other, What: fmt.Sprintf("a directory without a model or an adapter; %s there is a download "+
				"that has not ended", name), Do: "continue it"}
		}
	}
	return Path{Kind: Other, What: "a directory without a model or an adapter"}
}

// unended reports whether a file's name is one of a download that has not ended.
func unended(name string) bool {
	return slices.Contains([]string{".part", ".partial", ".incomplete", ".crdownload", ".download", ".aria2", ".tmp"},
		filepath.Ext(name))
}

// Unended returns the name of a file of a download that has not ended in the directory of a model, "" if there is none.
func Unended(dir string) string {
	const cache = ".cache/huggingface/download"
	for _, name := range namesIn(dir) {
		if unended(name) {
			return name
		}
	}
	for _, name := range namesIn(filepath.Join(dir, cache)) {
		if unended(name) {
			return cache + "/" + name
		}
	}
	return ""
}

// Checkpoints lists the checkpoints in the directory of a run, of this program or of Hugging Face's Trainer, that hold
// an adapter or a model, from the first step to the last.
func Checkpoints(dir string) []string {
	steps := map[string]int{}
	for _, name := range namesIn(dir) {
		path := filepath.Join(dir, name)
		step, err := strconv.Atoi(strings.TrimPrefix(name, "checkpoint-"))
		if err == nil && strings.HasPrefix(name, "checkpoint-") && (Holds(path, Adapter) || Holds(path, Model)) {
			steps[path] = step
		}
	}
	return slices.SortedFunc(maps.Keys(steps), func(a, b string) int { return steps[a] - steps[b] })
}

func isPEFT(dir string) bool {
	text, err := readfile.WholeIn(dir, "adapter_config.json", readfile.Settings)
	var config struct {
		Type *string `json:"peft_type"`
	}
	// A broken file is explained where it is read.
	return err != nil || json.Unmarshal(text, &config) != nil || config.Type != nil
}

// namesIn lists what a directory holds.
func namesIn(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// newest returns the directory inside dir that holds a kind and was changed last, or "".
func newest(dir string, kind Kind) string {
	best, when := "", int64(0)
	for _, name := range namesIn(dir) {
		inside := filepath.Join(dir, name)
		info, err := os.Stat(inside)
		if err != nil || !info.IsDir() || !Holds(inside, kind) {
			continue
		}
		if at := info.ModTime().UnixNano(); best == "" || at > when {
			best, when = inside, at
		}
	}
	return best
}
