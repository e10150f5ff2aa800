package adapter

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fettle/internal/atomicfile"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
	"fettle/internal/identify"
	"fettle/internal/plainjson"
	"fettle/internal/readfile"
	"fettle/model"
)

// The files of mlx-lm, and the endings of its tensors: A (in, r), B (r, out), and DoRA's magnitude.
const (
	mlxWeights    = "adapters.safetensors"
	mlxCheckpoint = "_adapters.safetensors" // after the step
	mlxA, mlxB    = ".lora_a", ".lora_b"
	mlxMagnitude  = ".m"
)

// mlxConfig holds the keys of mlx-lm's adapter_config.json, which is the configuration of a run, that say what the
// adapter computes. Earlier versions had other names for the type and the layers, and rank and scale beside them.
type mlxConfig struct {
	PEFT       *string `json:"peft_type"`
	Model      string  `json:"model"`
	Type       string  `json:"fine_tune_type"`
	DoRA       bool    `json:"use_dora"`
	Layers     *int    `json:"num_layers"`
	LoRALayers *int    `json:"lora_layers"`

	LoRA  *mlxLoRA `json:"lora_parameters"`
	Rank  *int     `json:"lora_rank"`
	Rank2 *int     `json:"rank"`
}

// mlxLoRA holds lora_parameters. The scale multiplies B·A as it is; where there is none, it is alpha/rank.
type mlxLoRA struct {
	Rank    *int     `json:"rank"`
	Scale   *float64 `json:"scale"`
	Alpha   *float64 `json:"alpha"`
	Dropout float64  `json:"dropout"`
}

// mlxFiles returns the configuration and the weights of an adapter of mlx-lm: of a directory, the last checkpoint if
// the run did not finish; or of one checkpoint.
func mlxFiles(path string) (config, weights string) {
	if name := filepath.Base(path); name == mlxWeights || strings.HasSuffix(name, mlxCheckpoint) {
		return filepath.Join(filepath.Dir(path), ConfigFile), path
	}
	weights = filepath.Join(path, mlxWeights)
	if !exists(weights) {
		entries, _ := os.ReadDir(path) // sorted: numbers have seven digits
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), mlxCheckpoint) {
				weights = filepath.Join(path, e.Name())
			}
		}
	}
	return filepath.Join(path, ConfigFile), weights
}

func mlxFile(path string) string {
	_, weights := mlxFiles(path)
	return weights
}

// holdsMLX reports whether a path is mlx-lm's: it has weights of its names, and no peft_type beside them.
func holdsMLX(path string) bool {
	config, weights := mlxFiles(path)
	info, err := os.Stat(weights)
	if err != nil || !info.Mode().IsRegular() || filepath.Dir(config) != filepath.Dir(weights) {
		return false
	}
	c, err := readMLX(filepath.Dir(config))
	return err != nil || c.PEFT == nil // a broken file is explained where it is read
}

// readMLX reads the configuration in a directory of mlx-lm.
func readMLX(dir string) (c mlxConfig, err error) {
	text, err := readfile.WholeIn(dir, ConfigFile, readfile.Settings)
	if err == nil {
		err = identify.Damage(text)
	}
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		return c, fmt.Errorf("%s: %w", ConfigFile, plainjson.In(text, err))
	}
	return c, nil
}

// openMLX reads a LoRA of mlx-lm.
func openMLX(path string) (*stored, error) {
	config, weights := mlxFiles(path)
	c, err := readMLX(filepath.Dir(config))
	if err != nil {
		return nil, err
	}
	scale, err := c.scale()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ConfigFile, err)
	}
	if weights, err = named(path, weights); err != nil {
		return nil, err
	}
	f, err := safetensors.Open(weights)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var found factors
	for _, name := range f.Names() {
		path, which := factorName(name, mlxA, mlxB)
		_, known := siteOf(path)
		switch {
		case strings.HasSuffix(name, mlxMagnitude):
			return nil, fmt.Errorf("tensor %s: DoRA is not computed here: %s", name, mlxFuse)
		case which == "" || !known:
			return nil, fmt.Errorf("tensor %s is none of a LoRA on a LLaMA", name)
		}
		t, _ := f.Tensor(name)
		if t, err = inFloat32(t); err == nil {
			err = found.add(path, which, t)
		}
		if err != nil {
			return nil, err
		}
	}
	modules, err := found.modules(func(_ string, a, b checkpoint.Tensor) (int, int) { return a.Shape[1], b.Shape[0] })
	if err != nil {
		return nil, err
	}
	for i, m := range modules {
		modules[i].alpha = scale(m.rank)
	}
	method := listedLoRA(modules)
	if c.LoRA != nil {
		method.Dropout = c.LoRA.Dropout
	}
	return &stored{method: method, base: c.Model, tensors: func(c *model.Config) (*tensorFile, error) {
		if err := found.within(c); err != nil {
			return nil, err
		}
		var all []checkpoint.Tensor
		for _, path := range found.paths {
			at, _ := siteOf(path)
			if c.Tied && at.At == model.Embed {
				return nil, errors.New("LoRA on embed_tokens of a tied base is the head's too in mlx-lm, which is not computed " +
					"here: " + mlxFuse)
			}
			a, b, err := found.pair(path)
			if err != nil {
				return nil, err
			}
			s := loraSite{at: at}
			all = append(all, a.transposed().tensor(s.a()), b.transposed().tensor(s.b()))
		}
		return inMemory(all...), nil
	}}, nil
}

// mlxFuse is the way to use what is not computed here.
const mlxFuse = "fuse it into its base with mlx_lm.fuse and use the model"

// scale returns the scale times the rank, as a function of the rank.
func (c mlxConfig) scale() (func(rank int) float64, error) {
	l := c.LoRA
	switch {
	case c.Type == "full":
		return nil, errors.New("fine_tune_type is full: the weights are a whole model's, not an adapter's: " + mlxFuse)
	case c.Type == "dora" || c.DoRA:
		return nil, errors.New("DoRA is not computed here: " + mlxFuse)
	case c.Type != "" && c.Type != TypeLoRA:
		return nil, fmt.Errorf("fine_tune_type is %q, want lora", c.Type)
	case l == nil && c.Layers == nil && c.LoRALayers == nil:
		return nil, errors.New("it has neither peft_type nor lora_parameters: not a configuration of PEFT or mlx-lm")
	case l == nil:
		return nil, errors.New("lora_parameters is missing: it has the scale")
	case l.Scale != nil:
		return func(rank int) float64 { return *l.Scale * float64(rank) }, nil
	case l.Alpha != nil:
		return func(int) float64 { return *l.Alpha }, nil
	}
	return nil, errors.New("lora_parameters has neither scale nor alpha")
}

// writeMLX writes a directory of mlx-lm.
func (s *Set) writeMLX(to string, o Output) error {
	l, err := s.loraOnly()
	if err != nil {
		return err
	}
	all, rank, alpha, err := s.even(l, 0)
	if err == nil {
		err = cmp.Or(s.untied(all), s.apart(all))
	}
	if err != nil {
		return err
	}
	keys, lowest := map[string]bool{}, s.config.Layers
	var tensors []checkpoint.Tensor
	for _, m := range all {
		path := m.at.ModuleName()
		key := path
		if m.at.At < model.Embed {
			lowest = min(lowest, m.at.Layer)
			key = strings.TrimPrefix(path, fmt.Sprintf("model.layers.%d.", m.at.Layer))
		}
		keys[key] = true
		tensors = append(tensors, m.a.transposed().tensor(path+mlxA), m.b.transposed().tensor(path+mlxB))
	}
	config, err := json.MarshalIndent(map[string]any{
		"fine_tune_type": TypeLoRA, "num_layers": s.config.Layers - lowest, "model": s.Base,
		"lora_parameters": map[string]any{
			"rank": rank, "scale": number(alpha/float64(rank), true), "dropout": number(l.Dropout, true),
			"keys": slices.Sorted(maps.Keys(keys)),
		},
	}, "", "    ")
	if err != nil {
		return err
	}
	return s.writeFiles(to, o, map[string]atomicfile.Content{
		ConfigFile: atomicfile.Bytes(append(config, '\n')),
		mlxWeights: func(w io.Writer) error { return safetensors.Encode(w, tensors, map[string]string{"format": "mlx"}) },
	})
}
