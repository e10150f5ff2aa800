package model

import "fmt"

// normPlace names a norm of a block.
type normPlace uint8

// The norms of a block. LLaMA has the first two.
const (
	inputNorm     normPlace = iota // before attention
	mlpNorm                        // before the MLP
	queryNorm                      // of every head's query
	keyNorm                        // of every head's key
	attentionNorm                  // of what attention adds to the residual stream
	outputNorm                     // of what the MLP adds
	numNorms
)

// normModules holds the Hugging Face names of the norms inside a layer. Gemma 2 gave one of LLaMA's another meaning.
var normModules = [numNorms]string{
	"input_layernorm", "post_attention_layernorm", "self_attn.q_norm", "self_attn.k_norm", "post_attention_layernorm",
	"post_feedforward_layernorm",
}

// norms lists the norms that the blocks have.
func (a *Arch) norms() []normPlace {
	all := []normPlace{inputNorm, mlpNorm}
	if a.QKNorm {
		all = append(all, queryNorm, keyNorm)
	}
	if a.PostNorms {
		all = append(all, attentionNorm, outputNorm)
	}
	return all
}

// normWidth returns the length of a norm's weight.
func (c *Config) normWidth(p normPlace) int {
	if p == queryNorm || p == keyNorm {
		return c.HeadDim
	}
	return c.Hidden
}

// normName returns the Hugging Face name of the weight of a norm of block l.
func (c *Config) normName(l int, p normPlace) string {
	return c.layerModule(l, c.Arch.normModule(p)) + weightSuffix
}

// NormModules lists the norms inside a layer.
func (a *Arch) NormModules() []string {
	var all []string
	for _, p := range a.norms() {
		all = append(all, a.normModule(p))
	}
	return all
}

func (a *Arch) normModule(p normPlace) string {
	if p == mlpNorm && a.PostNorms {
		return "pre_feedforward_layernorm"
	}
	return normModules[p]
}

func (c *Config) layerModule(l int, module string) string {
	return fmt.Sprintf("model.layers.%d.%s", l, module)
}

// norm holds the weight of an RMSNorm.
type norm struct {
	stored []float32 // as files have it
	weight []float32 // what the normed rows are multiplied by: stored itself, unless Arch.NormOffset is added
}

// newNorm makes the norm of a stored weight.
func (a *Arch) newNorm(stored []float32) norm {
	if a.NormOffset == 0 {
		return norm{stored, stored}
	}
	n := norm{stored, make([]float32, len(stored))}
	n.refresh(a.NormOffset)
	return n
}

// refresh follows a change of stored.
func (n *norm) refresh(offset float32) {
	if offset == 0 {
		return
	}
	for i, w := range n.stored {
		n.weight[i] = offset + w
	}
}
