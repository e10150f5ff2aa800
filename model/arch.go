package model

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Arch says in what a model differs from LLaMA, whose Arch is the zero value. Everything that computes reads it; the
// table of families says which values a config.json stands for.
type Arch struct {
	Biases     [Attention]bool // the projections that add a bias (Qwen2: q, k, v)
	QKNorm     bool            // an RMSNorm of every head's query and key before RoPE (Qwen3, Gemma 3)
	PostNorms  bool            // attention's and the MLP's outputs are normed before they are added (Gemma 2)
	NormOffset float32         // norms multiply by NormOffset + w; 1 for Gemma
	GELU       bool            // GELU, approximated by tanh, in the place of SiLU (Gemma)
	EmbedScale bool            // embedded tokens are multiplied by √D (Gemma)
	EmbedExact bool            // √D is not rounded to the embedding's type (GGUF)
	QueryWidth float64         // scores are multiplied by 1/√QueryWidth; 0: the head width
	ScoreCap   float64         // attention scores x become cap·tanh(x/cap); 0: they don't (Gemma 2)
	LogitCap   float64         // and logits
	Fused      bool            // files hold q, k, v in one tensor, gate and up in another (Phi-3)
	Rotary     int             // elements of a head that RoPE rotates, from the first; 0: all (Phi-4)

	// By layer; nil: as in LLaMA.
	Windows    []int      // how many keys a query sees, its own and those before it; 0: all (Mistral, Gemma)
	Rotations  []Rotation // how queries and keys are rotated (SmolLM3, Gemma 3)
	LocalTheta float64    // the base of RoPE in layers of LocalRope
}

// Rotation names what RoPE does in a layer.
type Rotation uint8

// The kinds of Rotation.
const (
	GlobalRope Rotation = iota // by RopeTheta and RopeScaling
	LocalRope                  // by LocalTheta, never scaled
	NoRope                     // nothing
)

// Window returns how many keys a query of layer l sees, its own and those before it; 0: all.
func (c *Config) Window(l int) int {
	if l < len(c.Arch.Windows) {
		return c.Arch.Windows[l]
	}
	return 0
}

// Rotation returns what RoPE does in layer l.
func (c *Config) Rotation(l int) Rotation {
	if l < len(c.Arch.Rotations) {
		return c.Arch.Rotations[l]
	}
	return GlobalRope
}

// rotary returns how many elements of a head RoPE rotates.
func (c *Config) rotary() int {
	if c.Arch.Rotary > 0 {
		return c.Arch.Rotary
	}
	return c.HeadDim
}

// scale returns what attention scores are multiplied by.
func (c *Config) scale() float32 {
	width := c.Arch.QueryWidth
	if width == 0 {
		width = float64(c.HeadDim)
	}
	return float32(1 / math.Sqrt(width))
}

// identity writes for the fingerprint what tensors do not show; nothing for LLaMA's. As in RopeScaling.identity, new
// fields must follow behind the old ones where they are set.
func (a *Arch) identity() string {
	if a.NormOffset == 0 && !a.GELU && !a.EmbedScale && a.QueryWidth == 0 && a.ScoreCap == 0 && a.LogitCap == 0 &&
		a.Rotary == 0 && a.Windows == nil && a.Rotations == nil {
		return ""
	}
	return fmt.Sprintln(a.NormOffset, a.GELU, a.EmbedScale, a.QueryWidth, a.ScoreCap, a.LogitCap, a.Rotary, a.Windows,
		a.Rotations, a.LocalTheta)
}

// checkArch returns an error unless the architecture's numbers fit the dimensions.
func (c *Config) checkArch() error {
	a := &c.Arch
	switch {
	case a.Rotary < 0 || a.Rotary > c.HeadDim || a.Rotary%2 != 0:
		return fmt.Errorf("RoPE rotates %d of a head's %d elements, want an even number up to all", a.Rotary, c.HeadDim)
	case !(a.QueryWidth >= 0) || !(a.ScoreCap >= 0) || !(a.LogitCap >= 0) || !(a.LocalTheta >= 0):
		return fmt.Errorf("query_pre_attn_scalar %v, attn_logit_softcapping %v, final_logit_softcapping %v and "+
			"rope_local_base_freq %v must not be negative", a.QueryWidth, a.ScoreCap, a.LogitCap, a.LocalTheta)
	case slices.Contains(a.Rotations, LocalRope) && a.LocalTheta == 0:
		return errors.New("rope_local_base_freq is 0, want a positive number")
	case a.Windows != nil && len(a.Windows) != c.Layers, a.Rotations != nil && len(a.Rotations) != c.Layers:
		return fmt.Errorf("windows of %d layers and rotations of %d, want %d", len(a.Windows), len(a.Rotations), c.Layers)
	}
	for l, w := range a.Windows {
		if w < 0 {
			return fmt.Errorf("sliding_window of layer %d is %d, want 1 or more", l, w)
		}
	}
	return nil
}
