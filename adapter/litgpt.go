package adapter

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/pth"
	"fettle/internal/readfile"
	"fettle/model"
)

// The files of LitGPT: an adapter of either kind, and the run's settings, which say what the file of a LoRA does not.
const (
	litAdapter  = "lit_model.pth.adapter"
	litAdapter2 = "lit_model.pth.adapter_v2" // version 2, which is refused
	litLoRA     = "lit_model.pth.lora"
	litSettings = "hyperparameters.yaml"
	litBlock    = "transformer.h."
	litPrompt   = ".attn.adapter_wte.weight" // (K, D)
	litGate     = ".attn.gating_factor"      // (1, 1, H, 1), earlier (1, H, 1, 1)
)

// litFile returns the file of weights of a directory of LitGPT, or of the file itself.
func litFile(path string) string {
	for _, name := range []string{litAdapter, litLoRA, litAdapter2} {
		if inside := filepath.Join(path, name); exists(inside) {
			return inside
		}
	}
	return path
}

// holdsLitGPT reports whether a path has LitGPT's weights of an adapter.
func holdsLitGPT(path string) bool {
	return holdsNames(litFile(path), func(name string) bool {
		return strings.HasPrefix(name, litBlock) && (strings.HasSuffix(name, litGate) || strings.Contains(name, ".lora_"))
	})
}

// openLitGPT reads an adapter of LitGPT, a LLaMA-Adapter of version 1 or a LoRA.
func openLitGPT(path string) (*stored, error) {
	file, err := named(path, litFile(path))
	if err != nil {
		return nil, err
	}
	f, err := openAny(file, pth.Open)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	tensors := map[string]checkpoint.Tensor{}
	isLoRA := false
	for _, name := range f.Names() {
		t, _ := f.Tensor(name)
		isLoRA = isLoRA || strings.Contains(name, ".lora_")
		if tensors[name], err = inFloat32(t); err != nil {
			return nil, err
		}
	}
	settings, err := readLitGPT(filepath.Dir(file))
	if err != nil {
		return nil, err
	}
	var s *stored
	if isLoRA {
		s, err = settings.lora(tensors)
	} else {
		s, err = litPrompts(tensors)
	}
	if err == nil {
		s.base = settings.Base
	}
	return s, err
}

// litConfig holds the settings of a run of LitGPT that say what its LoRA computes.
type litConfig struct {
	Base       string   `yaml:"checkpoint_dir"`
	Rank       *int     `yaml:"lora_r"`
	Alpha      *float64 `yaml:"lora_alpha"`
	Dropout    float64  `yaml:"lora_dropout"`
	Query      bool     `yaml:"lora_query"`
	Key        bool     `yaml:"lora_key"`
	Value      bool     `yaml:"lora_value"`
	Projection bool     `yaml:"lora_projection"`
	MLP        bool     `yaml:"lora_mlp"`
	Head       bool     `yaml:"lora_head"`
}

// readLitGPT reads a run's settings in a directory; none where there is no file.
func readLitGPT(dir string) (c litConfig, err error) {
	text, err := readfile.WholeIn(dir, litSettings, readfile.Settings)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err == nil {
		err = yaml.Unmarshal(text, &c)
	}
	if err != nil {
		return c, fmt.Errorf("%s: %w", litSettings, err)
	}
	return c, nil
}

// litPrompts reads a LLaMA-Adapter: prompts and gates of the top layers, whose gates have no activation.
func litPrompts(tensors map[string]checkpoint.Tensor) (*stored, error) {
	prompts, gates := map[int]factor{}, map[int]checkpoint.Tensor{}
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		t := tensors[name]
		if layer, ok := layerNumber(name, litBlock, litPrompt); ok && len(t.Shape) == 2 {
			var err error
			if prompts[layer], err = factorOf(t); err != nil {
				return nil, err
			}
		} else if layer, ok := layerNumber(name, litBlock, litGate); ok {
			gates[layer] = t
		} else {
			return nil, fmt.Errorf("tensor %s %v is not LLaMA-Adapter's of version 1: version 2 trains biases, scales and "+
				"norms, which is not computed here", name, t.Shape)
		}
	}
	if len(prompts) == 0 {
		return nil, errors.New("it has no prompts")
	}
	lowest := maxReplicated
	for layer := range prompts {
		lowest = min(lowest, layer)
	}
	a := LLaMAAdapter{Len: prompts[lowest].rows, Layers: len(prompts), Gate: PerHead, GateActivation: None}
	return &stored{method: a, tensors: func(c *model.Config) (*tensorFile, error) {
		return litOfficial(prompts, gates, lowest, c)
	}}, nil
}

// litOfficial returns LitGPT's prompts and gates under the official names, with gates of zero in the layers below.
func litOfficial(prompts map[int]factor, gates map[int]checkpoint.Tensor, lowest int, c *model.Config,
) (*tensorFile, error) {
	if lowest+len(prompts) != c.Layers || len(gates) != len(prompts) {
		return nil, fmt.Errorf("it has prompts from layer %d in %d layers, and %d gates, the base has %d layers: an adapter "+
			"for another base?", lowest, len(prompts), len(gates), c.Layers)
	}
	query := factor{columns: c.Hidden}
	f := inMemory()
	for layer := range c.Layers {
		shape := []int{1, c.Heads, 1, 1}
		gate := checkpoint.FromFloat32s(gateName(layer), shape, make([]float32, c.Heads))
		if layer >= lowest {
			p, hasPrompt := prompts[layer]
			g, hasGate := gates[layer]
			if !hasPrompt || !hasGate {
				return nil, fmt.Errorf("layer %d has no prompt or no gate", layer)
			}
			if p.rows != prompts[lowest].rows || p.columns != c.Hidden {
				return nil, fmt.Errorf("tensor %s%d%s: shape [%d %d], want [%d %d]: an adapter for another base?", litBlock,
					layer, litPrompt, p.rows, p.columns, prompts[lowest].rows, c.Hidden)
			}
			if !slices.Equal(g.Shape, []int{1, 1, c.Heads, 1}) && !slices.Equal(g.Shape, shape) {
				return nil, fmt.Errorf("tensor %s: shape %v, want [1 1 %d 1]: an adapter for another base?", g.Name, g.Shape,
					c.Heads)
			}
			query.data = append(query.data, p.data...)
			query.rows += p.rows
			gate.Data = g.Data
		}
		f.tensors[gate.Name] = gate
	}
	f.tensors[queryName] = query.tensor(queryName)
	return f, nil
}
