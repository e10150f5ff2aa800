package bench

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fettle/internal/compute"
	"fettle/model"
)

// shapes returns the named dimensions of the benchmarks.
func shapes() map[string]model.Config {
	return map[string]model.Config{
		"tiny": {Hidden: 288, Intermediate: 768, Layers: 6, Heads: 6, KVHeads: 6, Vocab: 32000},     // stories15M
		"1b":   {Hidden: 2048, Intermediate: 5632, Layers: 22, Heads: 32, KVHeads: 4, Vocab: 32000}, // TinyLlama 1.1B
		"7b":   {Hidden: 4096, Intermediate: 11008, Layers: 32, Heads: 32, KVHeads: 32, Vocab: 32000},
		"13b":  {Hidden: 5120, Intermediate: 13824, Layers: 40, Heads: 40, KVHeads: 40, Vocab: 32000},
	}
}

// Named reports whether the shape is one of the named ones.
func (b Settings) Named() bool { _, ok := shapes()[b.Shape]; return ok }

// Config finds the dimensions of the shape.
func (b Settings) Config() (*model.Config, error) {
	if c, ok := shapes()[b.Shape]; ok {
		c.HeadDim, c.MaxPositions, c.NormEps, c.RopeTheta = c.Hidden/c.Heads, 4096, 1e-5, 1e4
		c.BOS, c.EOS = 1, []int32{2}
		return &c, nil
	}
	dir := b.Shape
	if filepath.Base(dir) == "config.json" {
		dir = filepath.Dir(dir)
	} else if _, err := os.Stat(dir); err != nil {
		names := strings.Join(slices.Sorted(maps.Keys(shapes())), ", ")
		return nil, wrong("shape %q: want %s, a config.json or a model", b.Shape, names)
	} else if filepath.Ext(dir) == ".json" {
		return nil, wrong("shape %q: a model's config has the name config.json; rename it, or give its directory", b.Shape)
	}
	c, err := model.ReadConfig(dir)
	return c, unreadable(err)
}

// dtype finds the type that random weights are stored in.
func dtype(name string) (t compute.DType, ok bool) {
	for _, t := range append([]compute.DType{compute.F32, compute.BF16, compute.F16}, compute.BlockTypes()...) {
		if strings.EqualFold(t.String(), name) {
			return t, true
		}
	}
	return 0, false
}

// isModel reports whether the shape is a model, whose weights are read.
func (b Settings) isModel() bool {
	_, err := os.Stat(b.Shape)
	return err == nil && filepath.Base(b.Shape) != "config.json"
}

// stored returns the type that weights are stored in.
func (b Settings) stored() (compute.DType, error) {
	if b.isModel() {
		t, err := model.StoredType(b.Shape)
		return t, unreadable(err)
	}
	t, _ := dtype(b.DType)
	return t, nil
}

// model loads a model, or makes one of random weights.
func (b Settings) model(dev compute.Device) (*model.Model, error) {
	c, err := b.Config()
	if err != nil {
		return nil, err
	}
	t, err := b.stored()
	if err != nil {
		return nil, err
	}
	quantization := compute.ResolveQuantization(b.Compute, b.Quantized, t)
	if b.isModel() {
		m, err := model.LoadAs(b.Shape, dev, quantization)
		return m, unreadable(err)
	}
	return model.NewAs(c, randomTensors(c, t), dev, quantization)
}

// Describe names a shape and its size.
func Describe(shape string, c *model.Config) string {
	blocks, head := matrices(c)
	return fmt.Sprintf("%s: %d layers of width %d, %.3g parameters in products", shape, c.Layers, c.Hidden, blocks+head)
}
