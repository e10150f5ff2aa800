package model

import (
	"fmt"

	"fettle/internal/checkpoint/gguf"
)

// GGUFLosses names what this model has and a GGUF file has no keys for, or llama.cpp ignores, which computes something
// else there.
func (c *Config) GGUFLosses() (lost []string) {
	family, err := c.ggufFamily()
	if err != nil {
		return nil
	}
	written, _, err := family.keys(c)
	if err != nil {
		return nil
	}
	k := &keys{Metadata: gguf.Metadata{}, family: family}
	for _, key := range written {
		switch v := key.Value.(type) {
		case uint32:
			k.Metadata[key.Name] = uint64(v)
		case float32:
			k.Metadata[key.Name] = float64(v)
		default:
			k.Metadata[key.Name] = v
		}
	}
	there := &Config{Hidden: c.Hidden, Layers: c.Layers, Heads: c.Heads, HeadDim: c.HeadDim}
	if family.configure != nil {
		family.configure(k, there)
	}
	if family.seesAll {
		there.Arch.Windows = nil
	}
	for l := range c.Layers {
		if here, read := c.Window(l), there.Window(l); here != read && (here > 0 && here < c.MaxPositions || read > 0) {
			lost = append(lost, fmt.Sprintf("the window of layer %d: sliding_window is %d, and read as %d (0: none)", l, here,
				read))
			break
		}
	}
	for l := range c.Layers {
		if c.Rotation(l) != there.Rotation(l) && !(c.Rotation(l)+there.Rotation(l) == LocalRope && c.RopeScaling == nil &&
			c.Arch.LocalTheta == c.RopeTheta) {
			lost = append(lost, fmt.Sprintf("how layer %d rotates queries and keys", l))
			break
		}
	}
	if here, read := c.scale(), there.scale(); here != read {
		lost = append(lost, fmt.Sprintf("query_pre_attn_scalar: attention is scaled by %.4g, and is read as scaled by %.4g",
			here, read))
	}
	return lost
}
