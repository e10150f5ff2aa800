package model

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// configFile decodes config.json in its old and new spellings.
type configFile struct {
	ModelType      string    `json:"model_type"`
	Architectures  []string  `json:"architectures"`
	Hidden         int       `json:"hidden_size"`
	Intermediate   int       `json:"intermediate_size"`
	Layers         int       `json:"num_hidden_layers"`
	Heads          int       `json:"num_attention_heads"`
	KVHeads        *int      `json:"num_key_value_heads"`
	HeadDim        *int      `json:"head_dim"`
	Vocab          int       `json:"vocab_size"`
	MaxPositions   int       `json:"max_position_embeddings"`
	MaxSequence    int       `json:"max_sequence_length"` // March 2023
	NormEps        *float64  `json:"rms_norm_eps"`
	RopeTheta      *float64  `json:"rope_theta"`
	RopeScaling    *ropeFile `json:"rope_scaling"`
	RopeParameters *ropeFile `json:"rope_parameters"`
	Tied           bool      `json:"tie_word_embeddings"`
	BOS            ids       `json:"bos_token_id"`
	EOS            ids       `json:"eos_token_id"`
	Activation     string    `json:"hidden_act"`
	AttentionBias  bool      `json:"attention_bias"`
	MLPBias        bool      `json:"mlp_bias"`
	Quantization   any       `json:"quantization_config"`
	Window         *int      `json:"sliding_window"`
}

type ropeFile struct {
	Theta       *float64 `json:"rope_theta"`
	Type        string   `json:"rope_type"`
	OldType     string   `json:"type"`
	Factor      float64  `json:"factor"`
	LowFreq     float64  `json:"low_freq_factor"`
	HighFreq    float64  `json:"high_freq_factor"`
	OriginalMax int      `json:"original_max_position_embeddings"`
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

// ReadConfig reads and checks dir/config.json.
func ReadConfig(dir string) (*Config, error) {
	path := filepath.Join(dir, "config.json")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	var f configFile
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	c, err := f.config()
	if err == nil {
		err = c.check()
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return c, nil
}

// config returns the dimensions, with the defaults of keys that old files leave out.
func (f configFile) config() (*Config, error) {
	if err := f.supported(); err != nil {
		return nil, err
	}
	c := &Config{
		Type: f.ModelType, Hidden: f.Hidden, Intermediate: f.Intermediate, Layers: f.Layers,
		Heads: f.Heads, KVHeads: f.Heads, Vocab: f.Vocab, MaxPositions: max(f.MaxPositions, f.MaxSequence),
		NormEps: 1e-6, RopeTheta: 10000, Tied: f.Tied, BOS: -1,
	}
	if f.KVHeads != nil {
		c.KVHeads = *f.KVHeads
	}
	if f.HeadDim != nil {
		c.HeadDim = *f.HeadDim
	} else if f.Heads > 0 {
		c.HeadDim = f.Hidden / f.Heads
	}
	if c.MaxPositions == 0 {
		c.MaxPositions = 2048
	}
	if f.Window != nil && *f.Window > 0 {
		c.MaxPositions = min(c.MaxPositions, *f.Window) // within the window every token sees all earlier ones
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
	if f.RopeTheta != nil {
		c.RopeTheta = *f.RopeTheta
	}
	rope := f.RopeScaling
	if f.RopeParameters != nil {
		rope = f.RopeParameters
	}
	if rope == nil {
		return c, nil
	}
	if rope.Theta != nil {
		c.RopeTheta = *rope.Theta
	}
	kind := rope.Type
	if kind == "" {
		kind = rope.OldType
	}
	switch kind {
	case "", "default":
		return c, nil
	case "linear":
		c.RopeScaling = &RopeScaling{Type: kind, Factor: rope.Factor}
		return c, nil
	case "llama3":
		c.RopeScaling = &RopeScaling{kind, rope.Factor, rope.LowFreq, rope.HighFreq, rope.OriginalMax}
		return c, nil
	}
	return nil, fmt.Errorf("rope scaling %q is not supported, want linear or llama3", kind)
}

// supported returns an error for architectures that would load but compute something else.
func (f configFile) supported() error {
	known := []string{"LlamaForCausalLM", "LLaMAForCausalLM", "MistralForCausalLM"}
	for _, a := range f.Architectures {
		if !slices.Contains(known, a) {
			return fmt.Errorf("architecture %s is not supported, want LlamaForCausalLM", a)
		}
	}
	switch {
	case f.ModelType != "llama" && f.ModelType != "mistral" && f.ModelType != "":
		return fmt.Errorf("model_type %q is not supported, want llama", f.ModelType)
	case f.Activation != "silu" && f.Activation != "swish" && f.Activation != "":
		return fmt.Errorf("hidden_act %q is not supported, want silu", f.Activation)
	case f.AttentionBias || f.MLPBias:
		return fmt.Errorf("attention_bias and mlp_bias are not supported")
	case f.Quantization != nil:
		return fmt.Errorf("the checkpoint is already quantised (quantization_config): " +
			"take the original weights and set quantization instead")
	}
	return nil
}

// JSON returns the config.json of a model of these dimensions with float32 weights.
func (c *Config) JSON() ([]byte, error) {
	file := map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "torch_dtype": "float32",
		"hidden_act":  "silu",
		"hidden_size": c.Hidden, "intermediate_size": c.Intermediate, "num_hidden_layers": c.Layers,
		"num_attention_heads": c.Heads, "num_key_value_heads": c.KVHeads, "head_dim": c.HeadDim,
		"vocab_size": c.Vocab, "max_position_embeddings": c.MaxPositions, "tie_word_embeddings": c.Tied,
		"rms_norm_eps": c.NormEps, "rope_theta": c.RopeTheta, "attention_bias": false, "mlp_bias": false,
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
	if s := c.RopeScaling; s != nil {
		scaling := map[string]any{"rope_type": s.Type, "factor": s.Factor}
		if s.Type == "llama3" {
			scaling["low_freq_factor"], scaling["high_freq_factor"] = s.LowFreq, s.HighFreq
			scaling["original_max_position_embeddings"] = s.OriginalMaxPositions
		}
		file["rope_scaling"] = scaling
	}
	text, err := json.MarshalIndent(file, "", "  ")
	return append(text, '\n'), err
}
