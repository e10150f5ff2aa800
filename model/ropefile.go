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
// whole, and a rope_theta inside the one that counts replaces the rope_theta beside it.
func (f configFile) rope(c *Config) error {
	if f.RopeTheta != nil {
		c.RopeTheta = *f.RopeTheta
	}
	rope := f.RopeParameters
	if f.RopeScaling != nil && f.RopeScaling.given {
		if rope = f.RopeScaling; rope.Theta == nil && f.RopeParameters != nil && f.RopeParameters.Theta != nil &&
			*f.RopeParameters.Theta != c.RopeTheta {
			return fmt.Errorf("rope_scaling and rope_parameters are both set: transformers would take the first and with it "+
				"rope_theta %g, not %g: put rope_theta into rope_scaling, or the scaling into rope_parameters",
				c.RopeTheta, *f.RopeParameters.Theta)
		}
	}
	if rope == nil || !rope.given {
		return nil
	}
	if rope.Theta != nil {
		c.RopeTheta = *rope.Theta
	}
	if p := rope.Partial; p != nil && *p != 1 {
		return errPartial(*p)
	}
	switch kind := rope.kind(); {
	case kind == "default" || kind == "" && rope.Factor == nil:
		return nil
	case kind == "":
		return fmt.Errorf("rope scaling has a factor, %g, but no rope_type: want linear or llama3", *rope.Factor)
	case kind != "linear" && kind != "llama3":
		return fmt.Errorf("rope scaling %q is not supported, want linear or llama3", kind)
	case rope.Factor == nil:
		return fmt.Errorf("rope scaling %s has no factor", kind)
	case kind == "linear":
		c.RopeScaling = &RopeScaling{Type: kind, Factor: *rope.Factor}
	default:
		original := rope.OriginalMax
		if original == 0 {
			original = whole(c.MaxPositions)
		}
		if f.OriginalMax != 0 {
			original = f.OriginalMax
		}
		c.RopeScaling = &RopeScaling{Type: kind, Factor: *rope.Factor, LowFreq: rope.LowFreq, HighFreq: rope.HighFreq,
			OriginalMaxPositions: int(original)}
	}
	return nil
}

func errPartial(p float64) error {
	return fmt.Errorf("partial_rotary_factor is %g: rotating a part of each head is not supported", p)
}
