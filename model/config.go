package model

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Config holds the dimensions of a LLaMA, from a Hugging Face config.json.
type Config struct {
	Type         string // model_type: llama, mistral
	Hidden       int    // D
	Intermediate int    // F
	Layers       int    // L
	Heads        int    // H
	KVHeads      int    // G, divides H
	HeadDim      int    // Dh, often D/H
	Vocab        int    // V
	MaxPositions int    // at most a sliding window's length
	NormEps      float64
	RopeTheta    float64
	RopeScaling  *RopeScaling // nil: none
	Tied         bool         // the embedding is the head
	BOS          int32        // -1 where the file names none
	EOS          []int32
}

// RopeScaling stretches RoPE beyond the positions of pre-training.
type RopeScaling struct {
	Type                 string // linear or llama3
	Factor               float64
	LowFreq, HighFreq    float64 // llama3 only
	OriginalMaxPositions int     // llama3 only
}

// configFile is config.json in its old and new spellings.
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

// ids is a token id or a list of them.
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

// config fills in what old files leave out.
func (f configFile) config() (*Config, error) {
	if err := f.supported(); err != nil {
		return nil, err
	}
	c := &Config{
		Type: f.ModelType, Hidden: f.Hidden, Intermediate: f.Intermediate, Layers: f.Layers, Heads: f.Heads, KVHeads: f.Heads,
		Vocab: f.Vocab, MaxPositions: max(f.MaxPositions, f.MaxSequence), NormEps: 1e-6, RopeTheta: 10000, Tied: f.Tied, BOS: -1,
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
		c.MaxPositions = min(c.MaxPositions, *f.Window) // within the window every token sees all before it
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

// supported refuses what would load and compute something else.
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
		return fmt.Errorf("the checkpoint is already quantised (quantization_config): take the original weights and set quantization instead")
	}
	return nil
}

// check requires that the dimensions fit together.
func (c *Config) check() error {
	for _, d := range []struct {
		name  string
		value int
	}{
		{"hidden_size", c.Hidden}, {"intermediate_size", c.Intermediate}, {"num_hidden_layers", c.Layers},
		{"num_attention_heads", c.Heads}, {"num_key_value_heads", c.KVHeads}, {"head_dim", c.HeadDim}, {"vocab_size", c.Vocab},
		{"max_position_embeddings", c.MaxPositions},
	} {
		if d.value < 1 || d.value > 1<<24 {
			return fmt.Errorf("%s is %d, want 1 to %d", d.name, d.value, 1<<24)
		}
	}
	switch {
	case c.Layers > 1<<12:
		return fmt.Errorf("num_hidden_layers is %d, want at most %d", c.Layers, 1<<12)
	case c.Heads%c.KVHeads != 0:
		return fmt.Errorf("num_attention_heads %d is not a multiple of num_key_value_heads %d", c.Heads, c.KVHeads)
	case c.HeadDim%2 != 0:
		return fmt.Errorf("head_dim %d is odd; RoPE turns pairs", c.HeadDim)
	case !(c.NormEps > 0) || !(c.RopeTheta > 0):
		return fmt.Errorf("rms_norm_eps %v and rope_theta %v must be positive", c.NormEps, c.RopeTheta)
	case c.RopeScaling != nil && !(c.RopeScaling.Factor > 0):
		return fmt.Errorf("rope scaling factor %v must be positive", c.RopeScaling.Factor)
	case c.RopeScaling != nil && c.RopeScaling.Type == "llama3" &&
		!(c.RopeScaling.HighFreq > c.RopeScaling.LowFreq && c.RopeScaling.LowFreq > 0 && c.RopeScaling.OriginalMaxPositions > 0):
		return fmt.Errorf("rope scaling llama3 needs high_freq_factor > low_freq_factor > 0 and original_max_position_embeddings")
	}
	return nil
}

// Parameters counts the weights.
func (c *Config) Parameters() int {
	block := 2 * c.Hidden // the norms
	for _, p := range Projections() {
		n, k := c.Width(p)
		block += n * k
	}
	n := c.Layers*block + c.Hidden + c.Vocab*c.Hidden
	if !c.Tied {
		n += c.Vocab * c.Hidden
	}
	return n
}

// Width is the (rows, columns) of the weight of a projection: its output and input width. There is none at Attention.
func (c *Config) Width(p Place) (n, k int) {
	switch p {
	case QProj:
		return c.Heads * c.HeadDim, c.Hidden
	case KProj, VProj:
		return c.KVHeads * c.HeadDim, c.Hidden
	case OProj:
		return c.Hidden, c.Heads * c.HeadDim
	case DownProj:
		return c.Hidden, c.Intermediate
	case GateProj, UpProj:
		return c.Intermediate, c.Hidden
	}
	panic("model: only projections have a weight")
}
