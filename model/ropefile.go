package model

import (
	"encoding/json"
	"fmt"
	"slices"
)

// ropeFile decodes rope_scaling (transformers 4) and rope_parameters (transformers 5).
type ropeFile struct {
	text        []byte   // the object
	given       bool     // it has keys: an empty object says nothing
	Theta       *float64 `json:"rope_theta"`
	Type        *string  `json:"rope_type"`
	OldType     *string  `json:"type"`
	Factor      *float64 `json:"factor"`
	LowFreq     float64  `json:"low_freq_factor"`
	HighFreq    float64  `json:"high_freq_factor"`
	OriginalMax whole    `json:"original_max_position_embeddings"`
	Partial     *float64 `json:"partial_rotary_factor"`

	AttentionFactor *float64  `json:"attention_factor"`
	BetaFast        float64   `json:"beta_fast"`
	BetaSlow        float64   `json:"beta_slow"`
	Mscale          float64   `json:"mscale"`
	MscaleAllDim    float64   `json:"mscale_all_dim"`
	Truncate        *bool     `json:"truncate"`
	Short           []float64 `json:"short_factor"`
	Long            []float64 `json:"long_factor"`

	Full    *ropeFile `json:"full_attention"`
	Sliding *ropeFile `json:"sliding_attention"`
}

// UnmarshalJSON adds the keys of an object, and notes whether it has any.
func (r *ropeFile) UnmarshalJSON(text []byte) error {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(text, &keys); err != nil {
		return err
	}
	type plain ropeFile
	err := json.Unmarshal(text, (*plain)(r))
	r.text, r.given = slices.Clone(text), len(keys) > 0
	return err
}

// kind returns the type of scaling. Files of 2023 name it type; transformers prefers rope_type.
func (r *ropeFile) kind() string {
	for _, t := range []*string{r.Type, r.OldType} {
		if t != nil {
			return *t
		}
	}
	return ""
}

// scales reports whether a scaling is named.
func (r *ropeFile) scales() bool { return r.kind() != "" && r.kind() != "default" }

// rope sets base and scaling of RoPE.
func (f *configFile) rope(c *Config) error {
	if f.RopeTheta != nil {
		c.RopeTheta = *f.RopeTheta
	}
	choose := f.flatRope
	if families[f.ModelType].localRope {
		choose = f.layeredRope
	}
	rope, err := choose(c)
	if err != nil {
		return err
	}
	partial := f.Partial
	if rope.Partial != nil {
		partial = rope.Partial
	}
	if partial != nil && *partial != 1 {
		if err := f.partial(c, *partial); err != nil {
			return err
		}
	}
	if rope.Theta != nil {
		c.RopeTheta = *rope.Theta
	}
	return f.scaling(c, &rope)
}

// flatRope returns the keys that count in families whose layers are alike. As in transformers 5, a rope_scaling with
// keys replaces rope_parameters as a whole, and a rope_theta inside the one that counts replaces the one beside it.
func (f *configFile) flatRope(c *Config) (ropeFile, error) {
	old, rope := f.RopeScaling, f.RopeParameters
	switch {
	case old == nil || !old.given:
	case old.Theta == nil && rope != nil && rope.Theta != nil && *rope.Theta != c.RopeTheta:
		return *old, fmt.Errorf("rope_scaling and rope_parameters are both set: transformers would take the first and with "+
			"it rope_theta %g, not %g: put rope_theta into rope_scaling, or the scaling into rope_parameters",
			c.RopeTheta, *rope.Theta)
	default:
		return *old, nil
	}
	if rope == nil {
		rope = &ropeFile{}
	}
	return *rope, nil
}

// layeredRope returns the keys that count in families with two kinds of layers, and sets the base of those with a
// window. rope_parameters has an object for each kind; the keys of a rope_scaling are added to that of the others.
func (f *configFile) layeredRope(c *Config) (rope ropeFile, err error) {
	c.Arch.LocalTheta = f.LocalTheta
	if both := f.RopeParameters; both != nil {
		switch local := both.Sliding; {
		case both.Full == nil && local == nil && (both.scales() || both.Theta != nil && *both.Theta != c.RopeTheta):
			return rope, fmt.Errorf("rope_parameters have no full_attention or sliding_attention: transformers would " +
				"ignore them")
		case local == nil:
		case local.scales():
			return rope, fmt.Errorf("rope_parameters of sliding_attention have the type %q, want default", local.kind())
		case local.Theta != nil:
			c.Arch.LocalTheta = *local.Theta
		}
		if both.Full != nil {
			rope = *both.Full
		}
	}
	if f.RopeScaling == nil || !f.RopeScaling.given {
		return rope, nil
	}
	if err := json.Unmarshal(f.RopeScaling.text, &rope); err != nil {
		return rope, err
	}
	if rope.Type == nil && rope.scales() {
		return rope, fmt.Errorf("rope_scaling has the type %q, but no rope_type: transformers 4 scales by it, and "+
			"transformers 5 does not: write rope_type, or remove rope_scaling", rope.kind())
	}
	return rope, nil
}

// partial sets how many elements of a head are rotated.
func (f *configFile) partial(c *Config, p float64) error {
	if !families[f.ModelType].arch.Fused {
		return fmt.Errorf("partial_rotary_factor is %g: %s rotates whole heads", p, f.ModelType)
	}
	c.Arch.Rotary = int(float64(c.HeadDim) * p)
	if !(p > 0 && p < 1) || c.Arch.Rotary < 2 {
		return fmt.Errorf("partial_rotary_factor is %g, want more than 0 and at most 1", p)
	}
	return nil
}
