package bench

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"

	"fettle/internal/checkpoint"
	"fettle/internal/compute"
	"fettle/model"
)

// randomTensors makes weights of a shape: norms of one, and matrices that are views into one pool of random numbers,
// each from another place. Devices that keep their own layout take the memory of a real model all the same.
func randomTensors(c *model.Config, t compute.DType) map[string]checkpoint.Tensor {
	const shift = 1 << 16 // elements
	largest := max(c.Vocab*c.Hidden, c.Hidden*c.Intermediate, c.Hidden*c.Heads*c.HeadDim)
	pool := randomWeights(largest+shift, t)
	tensors := map[string]checkpoint.Tensor{}
	matrix := func(name string, n, k int) {
		from := len(tensors) * 1024 % shift * t.Size()
		data := pool[from:][:n*k*t.Size()]
		tensors[name] = checkpoint.Tensor{Name: name, Type: checkpoint.Type(t.String()), Shape: []int{n, k}, Data: data}
	}
	norm := func(name string) {
		ones := make([]float32, c.Hidden)
		for i := range ones {
			ones[i] = 1
		}
		tensors[name] = checkpoint.FromFloat32s(name, []int{c.Hidden}, ones)
	}
	matrix("model.embed_tokens.weight", c.Vocab, c.Hidden)
	if !c.Tied {
		matrix("lm_head.weight", c.Vocab, c.Hidden)
	}
	norm("model.norm.weight")
	for l := range c.Layers {
		for _, p := range model.Projections() {
			n, k := c.Width(p)
			matrix(model.Site{Layer: l, At: p}.ModuleName()+".weight", n, k)
		}
		norm(fmt.Sprintf("model.layers.%d.input_layernorm.weight", l))
		norm(fmt.Sprintf("model.layers.%d.post_attention_layernorm.weight", l))
	}
	return tensors
}

// randomWeights makes n numbers, uniform in ±1/32, as bytes.
func randomWeights(n int, t compute.DType) []byte {
	out, rng := make([]byte, n*t.Size()), rand.New(rand.NewPCG(1, 2))
	for i := range n {
		r := rng.Uint32()
		x := (float32(r>>8)/(1<<23) - 1) / 32
		switch t {
		case compute.F32:
			binary.LittleEndian.PutUint32(out[4*i:], math.Float32bits(x))
		case compute.BF16:
			binary.LittleEndian.PutUint16(out[2*i:], compute.ToBF16(x))
		default: // a half with an exponent of 2⁻¹⁵ … 2⁻⁶ and any fraction
			binary.LittleEndian.PutUint16(out[2*i:], uint16(r>>31<<15|r%10<<10|r>>8&1023))
		}
	}
	return out
}
