package adapter

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/pth"
	"fettle/internal/checkpoint/safetensors"
	"fettle/internal/identify"
	"fettle/model"
)

// officialLen is the prompt's length in the official code, for files whose gates do not tell it.
const officialLen = 10

// ofMeta matches the names of the base's own weights in Meta's checkpoints. The official training saves them with the
// adapter, its extract_adapter_from_checkpoint.py leaves them out.
var ofMeta = regexp.MustCompile(`^(tok_embeddings|output|norm)\.weight$|^rope\.freqs$|` +
	`^layers\.\d+\.(attention\.w[qkvo]|feed_forward\.w[123]|attention_norm|ffn_norm)\.weight$`)

// isGate matches the names of the official gates.
var isGate = regexp.MustCompile(`^layers\.(\d+)\.attention\.gate$`)

// openAny opens a file of PyTorch's, with torch, or of safetensors.
func openAny(path string, torch func(path string) (*pth.File, error)) (*checkpoint.Tensors, error) {
	switch identify.File(path) {
	case identify.Torch, identify.Zip, identify.Pickle:
		f, err := torch(path)
		if err != nil {
			return nil, err
		}
		return &f.Tensors, nil
	}
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, err
	}
	return &f.Tensors, nil
}

// holdsNames reports whether a path is a file of tensors one of whose names satisfies is.
func holdsNames(path string, is func(name string) bool) bool {
	switch identify.File(path) {
	case identify.Torch, identify.Zip, identify.Pickle, identify.Safetensors:
	default:
		return false
	}
	f, err := openAny(path, pth.Describe)
	if err != nil {
		return false
	}
	defer f.Close()
	return slices.ContainsFunc(f.Names(), is)
}

// holdsOfficial reports whether a path is a file of the official LLaMA-Adapter.
func holdsOfficial(path string) bool {
	return holdsNames(path, func(name string) bool { return name == queryName })
}

// openOfficial reads a file of the official LLaMA-Adapter: the prompts of all adapted layers in one array, and the
// gates of all layers, zero in those below.
func openOfficial(path string) (*stored, error) {
	f, err := openAny(path, pth.Open)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	file := inMemory()
	var others []string
	for _, name := range f.Names() {
		t, _ := f.Tensor(name)
		switch {
		case name == queryName || isGate.MatchString(name):
			if file.tensors[name], err = inFloat32(t); err != nil {
				return nil, err
			}
		case !ofMeta.MatchString(name):
			others = append(others, name)
		}
	}
	if len(others) > 0 {
		return nil, fmt.Errorf("tensor %s and %d others are not LLaMA-Adapter's of version 1: version 2 trains biases, "+
			"scales and norms, which is not computed here", others[0], len(others)-1)
	}
	a, err := officialSettings(file)
	if err != nil {
		return nil, err
	}
	return &stored{method: a, tensors: func(c *model.Config) (*tensorFile, error) {
		if n := len(file.tensors) - 1; n != c.Layers {
			return nil, fmt.Errorf("it has gates of %d layers, the base has %d: an adapter for another base?", n, c.Layers)
		}
		return file, nil
	}}, nil
}

// officialSettings finds out how many layers are adapted, which the file does not say. The gates of the layers below
// are exactly zero, those of adapted layers are not after a step of training. Where all are zero, the prompt has the
// official length.
func officialSettings(f *tensorFile) (LLaMAAdapter, error) {
	a := LLaMAAdapter{Gate: PerHead, GateActivation: Tanh}
	query := f.tensors[queryName]
	layers := len(f.tensors) - 1
	if len(query.Shape) != 2 || layers < 1 {
		return a, fmt.Errorf("tensor %s %v with gates of %d layers, want a matrix and the gates of every layer",
			queryName, query.Shape, layers)
	}
	rows := query.Shape[0]
	top := 0 // from the first layer with a gate other than zero
	for layer := range layers {
		gate, ok := f.tensors[gateName(layer)]
		if !ok {
			return a, fmt.Errorf("tensor %s is missing", gateName(layer))
		}
		values, err := checkpoint.Float32s(gate)
		if err != nil {
			return a, err
		}
		if top == 0 && slices.ContainsFunc(values, func(g float32) bool { return g != 0 }) {
			top = layers - layer
		}
	}
	if top == 0 && rows%officialLen == 0 && rows/officialLen <= layers {
		top = rows / officialLen
	}
	for a.Layers = max(1, top); a.Layers <= layers; a.Layers++ {
		if rows > 0 && rows%a.Layers == 0 {
			a.Len = rows / a.Layers
			return a, nil
		}
	}
	return a, fmt.Errorf("tensor %s has %d rows, which the %d layers with gates do not divide", queryName, rows,
		max(1, top))
}

// layerNumber returns the number in a name of the form …PREFIX.N.SUFFIX.
func layerNumber(name, prefix, suffix string) (layer int, ok bool) {
	middle, begins := strings.CutPrefix(name, prefix)
	middle, ends := strings.CutSuffix(middle, suffix)
	_, err := fmt.Sscanf(middle, "%d", &layer)
	return layer, begins && ends && err == nil && layer >= 0 && fmt.Sprint(layer) == middle
}
