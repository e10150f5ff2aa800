package bench

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"fettle/internal/checkpoint"
	"fettle/internal/compute"
	"fettle/model"
)

// randomTensors makes weights of a shape: norms of one, and matrices that are views into one pool of random numbers,
// each from another place. Devices that keep their own layout still take the memory of a real model.
func randomTensors(c *model.Config, t compute.DType) map[string]checkpoint.Tensor {
	const shift = 1 << 16 // elements
	largest := max(c.Vocab*c.Hidden, c.Hidden*c.Intermediate, c.Hidden*c.Heads*c.HeadDim)
	pool := randomWeights(largest+shift, t)
	tensors := map[string]checkpoint.Tensor{}
	for _, w := range c.Tensors() {
		if len(w.Shape) == 1 {
			ones := make([]float32, w.Size())
			for i := range ones {
				ones[i] = 1
			}
			tensors[w.Name] = checkpoint.FromFloat32s(w.Name, w.Shape, ones)
			continue
		}
		from := len(tensors) * 1024 % shift * t.Size()
		data := pool[from:][:w.Size()*t.Size()]
		tensors[w.Name] = checkpoint.Tensor{Name: w.Name, Type: checkpoint.Type(t.String()), Shape: w.Shape, Data: data}
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
