package model

import "fmt"

// Config holds the dimensions of a LLaMA, as a Hugging Face config.json states them.
type Config struct {
	Type         string // model_type, one of Families; "": llama
	Arch         Arch
	Hidden       int // D
	Intermediate int // F
	Layers       int // L
	Heads        int // H
	KVHeads      int // G, divides H
	HeadDim      int // Dh, often D/H
	Vocab        int // V
	MaxPositions int
	NormEps      float64
	RopeTheta    float64
	RopeScaling  *RopeScaling // nil: none
	Tied         bool         // the embedding is the head
	BOS          int32        // -1 where the file names none
	EOS          []int32
	Nested       bool // a language model inside a larger one, whose files have other names for its modules

	// AttentionDropout is the probability with which other programs drop attention weights in training; this one drops
	// none.
	AttentionDropout float64
}

const maxLayers = 1 << 12

// check returns an error unless the dimensions fit together.
func (c *Config) check() error {
	for _, d := range []struct {
		name  string
		value int
	}{
		{"hidden_size", c.Hidden}, {"intermediate_size", c.Intermediate}, {"num_hidden_layers", c.Layers},
		{"num_attention_heads", c.Heads}, {"num_key_value_heads", c.KVHeads}, {"head_dim", c.HeadDim},
		{"vocab_size", c.Vocab}, {"max_position_embeddings", c.MaxPositions},
	} {
		if d.value < 1 || d.value > 1<<24 {
			return fmt.Errorf("%s is %d, want 1 to %d", d.name, d.value, 1<<24)
		}
	}
	switch {
	case c.Layers > maxLayers:
		return fmt.Errorf("num_hidden_layers is %d, want at most %d", c.Layers, maxLayers)
	case c.Heads%c.KVHeads != 0:
		return fmt.Errorf("num_attention_heads %d is not a multiple of num_key_value_heads %d", c.Heads, c.KVHeads)
	case c.HeadDim%2 != 0:
		return fmt.Errorf("head_dim %d is odd; RoPE rotates pairs", c.HeadDim)
	case !(c.NormEps > 0) || !(c.RopeTheta > 0):
		return fmt.Errorf("rms_norm_eps %v and rope_theta %v must be positive", c.NormEps, c.RopeTheta)
	}
	if err := c.checkArch(); err != nil {
		return err
	}
	return c.checkScaling()
}

// Width returns the output and the input width (n, k) of a linear map: for projections and the head the shape of the
// weight, which the embedding has the other way round. It panics at Attention, which has none.
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
	case Embed:
		return c.Hidden, c.Vocab
	case Head:
		return c.Vocab, c.Hidden
	}
	panic("model: only projections have a weight")
}
