package model

import (
	"encoding/json"
	"fmt"
)

// ropeFile decodes rope_scaling (transformers 4) and rope_parameters (transformers 5).
type ropeFile struct {
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

// UnmarshalJSON notes whether the object has keys.
func (r *ropeFile) UnmarshalJSON(text []byte) error {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(text, &keys); err != nil {
		return err
	}
	type plain ropeFile
	err := json.Unmarshal(text, (*plain)(r))
	r.given = len(keys) > 0
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

// rope sets base and scaling of RoPE. As in transformers 5, a rope_scaling with keys replaces rope_parameters as a
// whole, and a rope_theta inside the one that counts replaces the rope_theta beside it. Families with two kinds of
// layers have one rope_parameters for each.
func (f *configFile) rope(c *Config) error {
	if f.RopeTheta != nil {
		c.RopeTheta = *f.RopeTheta
	}
	family := families[f.ModelType]
	if family.localRope {
		c.Arch.LocalTheta = f.LocalTheta
	}
	rope := f.RopeParameters
	if rope != nil && family.localRope && (rope.Full != nil || rope.Sliding != nil) {
		if local := rope.Sliding; local != nil {
			if kind := local.kind(); kind != "" && kind != "default" {
				return fmt.Errorf("rope_parameters of sliding_attention have the type %q, want default", kind)
			}
			if local.Theta != nil {
				c.Arch.LocalTheta = *local.Theta
			}
		}
		if rope = rope.Full; rope == nil {
			rope = &ropeFile{}
		}
	}
	if f.RopeScaling != nil && f.RopeScaling.given {
		if rope = f.RopeScaling; rope.Theta == nil && f.RopeParameters != nil && f.RopeParameters.Theta != nil &&
			*f.RopeParameters.Theta != c.RopeTheta {
			return fmt.Errorf("rope_scaling and rope_parameters are both set: transformers would take the first and with it "+
				"rope_theta %g, not %g: put rope_theta into rope_scaling, or the scaling into rope_parameters",
				c.RopeTheta, *f.RopeParameters.Theta)
		}
	}
	partial := f.Partial
	if rope != nil && rope.Partial != nil {
		partial = rope.Partial
	}
	if partial != nil && *partial != 1 {
		if err := f.partial(c, *partial); err != nil {
			return err
		}
	}
	if rope == nil || !rope.given {
		return nil
	}
	if rope.Theta != nil {
		c.RopeTheta = *rope.Theta
	}
	return f.scaling(c, rope)
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
