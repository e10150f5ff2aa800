package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"strconv"

	"fettle/internal/identify"
	"fettle/internal/plainjson"
	"fettle/internal/readfile"
)

// configFile decodes config.json in its old and new spellings.
type configFile struct {
	ModelType      string    `json:"model_type"`
	Architectures  []string  `json:"architectures"`
	Hidden         whole     `json:"hidden_size"`
	Intermediate   whole     `json:"intermediate_size"`
	Layers         whole     `json:"num_hidden_layers"`
	Heads          whole     `json:"num_attention_heads"`
	KVHeads        *whole    `json:"num_key_value_heads"`
	HeadDim        *whole    `json:"head_dim"`
	Vocab          whole     `json:"vocab_size"`
	MaxPositions   whole     `json:"max_position_embeddings"`
	MaxSequence    whole     `json:"max_sequence_length"` // March 2023
	NormEps        *float64  `json:"rms_norm_eps"`
	RopeTheta      *float64  `json:"rope_theta"`
	RopeScaling    *ropeFile `json:"rope_scaling"`
	RopeParameters *ropeFile `json:"rope_parameters"`
	OriginalMax    whole     `json:"original_max_position_embeddings"`
	Tied           bool      `json:"tie_word_embeddings"`
	BOS            ids       `json:"bos_token_id"`
	EOS            ids       `json:"eos_token_id"`
	Activation     string    `json:"hidden_act"`
	Dropout        float64   `json:"attention_dropout"`
	AttentionBias  bool      `json:"attention_bias"`
	MLPBias        bool      `json:"mlp_bias"`
	Partial        *float64  `json:"partial_rotary_factor"`
	Interleaved    bool      `json:"rope_interleaved"`
	Quantization   any       `json:"quantization_config"`
	MLX            any       `json:"quantization"`
	Window         *whole    `json:"sliding_window"`
	UseWindow      bool      `json:"use_sliding_window"`
	WindowLayers   whole     `json:"max_window_layers"`
	LayerTypes     []string  `json:"layer_types"`

	familyKeys
}

// ids decodes a token id or a list of them.
type ids []int32

// UnmarshalJSON reads 2, [2, 3] or null.
func (s *ids) UnmarshalJSON(text []byte) error {
	var one *int32
	if json.Unmarshal(text, &one) == nil {
		if one != nil {
			*s = ids{*one}
		}
		return nil
	}
	return json.Unmarshal(text, (*[]int32)(s))
}

// whole decodes a whole number, also one that is written as 4096.0.
type whole int

// UnmarshalJSON reads 4096, 4096.0 or null, which leaves the value.
func (w *whole) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	x, err := strconv.ParseFloat(string(text), 64)
	if err != nil || x != math.Trunc(x) || math.Abs(x) > 1<<53 {
		return &json.UnmarshalTypeError{Value: string(text), Type: reflect.TypeFor[whole]()}
	}
	*w = whole(x)
	return nil
}

// readConfigFile reads and checks dir/config.json.
func readConfigFile(dir string) (*Config, error) {
	const name = "config.json"
	path := filepath.Join(dir, name)
	text, err := readfile.WholeIn(dir, name, readfile.Settings)
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	c, err := ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return c, nil
}

// ParseConfig reads and checks the text of a config.json.
func ParseConfig(text []byte) (*Config, error) {
	if err := identify.Damage(text); err != nil {
		return nil, err
	}
	f := configFile{}
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, plainjson.In(text, err)
	}
	inner, nested := around[f.ModelType]
	if nested {
		f.ModelType = inner
	}
	if plain, ok := aliases[f.ModelType]; ok {
		f.ModelType = plain
	}
	name, err := modelTypeOf(f.ModelType, f.Architectures)
	if err != nil {
		return nil, err
	}
	if defaults := families[name].defaults; defaults != "" {
		text := [][]byte{[]byte(defaults), text, f.Text}
		if f = (configFile{}); !nested {
			text = text[:2]
		}
		for _, t := range text {
			if err := json.Unmarshal(t, &f); len(t) > 0 && err != nil {
				return nil, plainjson.In(t, err)
			}
		}
	}
	if f.ModelType = name; nested {
		f.LogitCap = nil // models with pictures have none
	}
	c, err := f.config()
	if err != nil {
		return nil, err
	}
	c.Nested = nested
	return c, c.check()
}

// config returns the dimensions, with the defaults of keys that old files leave out.
func (f *configFile) config() (*Config, error) {
	if err := f.supported(); err != nil {
		return nil, err
	}
	c := &Config{
		Type: f.ModelType, Arch: families[f.ModelType].arch,
		Hidden: int(f.Hidden), Intermediate: int(f.Intermediate), Layers: int(f.Layers),
		Heads: int(f.Heads), KVHeads: int(f.Heads), Vocab: int(f.Vocab),
		MaxPositions: int(max(f.MaxPositions, f.MaxSequence)), NormEps: 1e-6, RopeTheta: 10000, Tied: f.Tied, BOS: -1,
		AttentionDropout: f.Dropout,
	}
	if f.KVHeads != nil {
		c.KVHeads = int(*f.KVHeads)
	}
	if f.HeadDim != nil {
		c.HeadDim = int(*f.HeadDim)
	} else if f.Heads > 0 {
		c.HeadDim = int(f.Hidden / f.Heads)
	}
	if c.MaxPositions == 0 {
		c.MaxPositions = 2048
	}
	if f.NormEps != nil {
		c.NormEps = *f.NormEps
	}
	if len(f.BOS) > 0 {
		c.BOS = max(f.BOS[0], -1)
	}
	if len(f.EOS) > 0 {
		c.EOS = f.EOS
	}
	f.biases(&c.Arch)
	f.caps(&c.Arch)
	if err := f.windows(c); err != nil {
		return nil, err
	}
	if err := f.rotations(c); err != nil {
		return nil, err
	}
	return c, f.rope(c)
}

// supported returns an error for files that would load but compute something else.
func (f *configFile) supported() error {
	family := families[f.ModelType]
	switch {
	case f.Bidirectional:
		return errors.New("use_bidirectional_attention is set: only causal language models are supported")
	case f.Interleaved:
		return errors.New("rope_interleaved is set: rotating neighbouring elements is not supported")
	case f.Quantization != nil:
		return errors.New("the checkpoint is already quantized (quantization_config): " +
			"take the original weights and set quantization instead")
	case f.MLX != nil:
		return errors.New("the checkpoint is quantized by MLX (quantization): " +
			"take the original weights and set quantization instead")
	}
	if err := f.checkActivation(); err != nil {
		return err
	}
	return family.checkClasses(f.Architectures)
}

// JSON returns the config.json of a model of these dimensions with float32 weights.
func (c *Config) JSON() ([]byte, error) {
	if err := c.checkBiases(); err != nil {
		return nil, err
	}
	file := map[string]any{
		"torch_dtype": "float32",
		"hidden_size": c.Hidden, "intermediate_size": c.Intermediate, "num_hidden_layers": c.Layers,
		"num_attention_heads": c.Heads, "num_key_value_heads": c.KVHeads, "head_dim": c.HeadDim,
		"vocab_size": c.Vocab, "max_position_embeddings": c.MaxPositions, "tie_word_embeddings": c.Tied,
		"rms_norm_eps": c.NormEps, "rope_theta": c.RopeTheta,
	}
	c.writeFamily(file)
	if c.AttentionDropout != 0 {
		file["attention_dropout"] = c.AttentionDropout
	}
	if c.BOS >= 0 {
		file["bos_token_id"] = c.BOS
	}
	switch len(c.EOS) {
	case 0:
	case 1:
		file["eos_token_id"] = c.EOS[0]
	default:
		file["eos_token_id"] = c.EOS
	}
	c.writeRope(file)
	text, err := json.MarshalIndent(file, "", "  ")
	return append(text, '\n'), err
}
