package main

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fettle/internal/checkpoint"
	"fettle/internal/compute"
	"fettle/model"
)

// shapes are the dimensions that benchmarks know by name.
var shapes = map[string]model.Config{
	"tiny": {Hidden: 288, Intermediate: 768, Layers: 6, Heads: 6, KVHeads: 6, Vocab: 32000},     // stories15M
	"1b":   {Hidden: 2048, Intermediate: 5632, Layers: 22, Heads: 32, KVHeads: 4, Vocab: 32000}, // TinyLlama 1.1B
	"7b":   {Hidden: 4096, Intermediate: 11008, Layers: 32, Heads: 32, KVHeads: 32, Vocab: 32000},
	"13b":  {Hidden: 5120, Intermediate: 13824, Layers: 40, Heads: 40, KVHeads: 40, Vocab: 32000},
}

// config finds the dimensions of a shape.
func (b benching) config() (*model.Config, error) {
	if c, ok := shapes[b.Shape]; ok {
		c.HeadDim, c.MaxPositions, c.NormEps, c.RopeTheta, c.BOS, c.EOS = c.Hidden/c.Heads, 4096, 1e-5, 1e4, 1, []int32{2}
		return &c, nil
	}
	dir := b.Shape
	if filepath.Base(dir) == "config.json" {
		dir = filepath.Dir(dir)
	} else if _, err := os.Stat(dir); err != nil {
		names := strings.Join(slices.Sorted(maps.Keys(shapes)), ", ")
		return nil, usage(fmt.Errorf("shape %q: want %s, a config.json or a model directory", b.Shape, names))
	}
	c, err := model.ReadConfig(dir)
	return c, input(err)
}

// model loads a model directory, or makes one of random weights.
func (b benching) model(dev compute.Device) (*model.Model, error) {
	c, err := b.config()
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(b.Shape); err == nil && info.IsDir() {
		m, err := model.LoadAs(b.Shape, dev, compute.ResolveQuantization(b.Compute, b.Quantized))
		return m, input(err)
	}
	return model.NewAs(c, randomTensors(c, dtypes[b.DType]), dev, compute.ResolveQuantization(b.Compute, b.Quantized))
}

// randomTensors are weights of a shape: norms of one, and matrices that all
// look into one pool of random numbers, each from another place. Devices that
// keep their own layout take the memory of a real model all the same.
func randomTensors(c *model.Config, t compute.DType) map[string]checkpoint.Tensor {
	const slack = 1 << 16 // elements
	largest := max(c.Vocab*c.Hidden, c.Hidden*c.Intermediate, c.Hidden*c.Heads*c.HeadDim)
	pool := randomWeights(largest+slack, t)
	tensors := map[string]checkpoint.Tensor{}
	matrix := func(name string, n, k int) {
		from := len(tensors) * 1024 % slack * t.Size()
		tensors[name] = checkpoint.Tensor{Name: name, Type: checkpoint.Type(t.String()), Shape: []int{n, k}, Data: pool[from:][:n*k*t.Size()]}
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
		for _, p := range model.Places() {
			if n, k := projection(c, p); n > 0 {
				matrix(model.Site{Layer: l, At: p}.ModuleName()+".weight", n, k)
			}
		}
		norm(fmt.Sprintf("model.layers.%d.input_layernorm.weight", l))
		norm(fmt.Sprintf("model.layers.%d.post_attention_layernorm.weight", l))
	}
	return tensors
}

// projection is the output and input width of a projection; zeros at Attention.
func projection(c *model.Config, p model.Place) (n, k int) {
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	switch p {
	case model.QProj:
		return q, c.Hidden
	case model.KProj, model.VProj:
		return kv, c.Hidden
	case model.OProj:
		return c.Hidden, q
	case model.GateProj, model.UpProj:
		return c.Intermediate, c.Hidden
	case model.DownProj:
		return c.Hidden, c.Intermediate
	}
	return 0, 0
}

// randomWeights are n numbers, uniform in ±1/32, as bytes.
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

// matrices counts the parameters of a model's frozen products: of the blocks,
// and of the head.
func matrices(c *model.Config) (blocks, head float64) {
	for _, p := range model.Places() {
		n, k := projection(c, p)
		blocks += float64(c.Layers) * float64(n) * float64(k)
	}
	return blocks, float64(c.Vocab) * float64(c.Hidden)
}

func describe(shape string, c *model.Config) string {
	blocks, head := matrices(c)
	return fmt.Sprintf("%s: %d layers of width %d, %.3g parameters in products", shape, c.Layers, c.Hidden, blocks+head)
}
