package bench

import (
	"bytes"
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
	pool := randomWeights((largest/shift+2)*shift, t)
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
		from := t.Bytes(1, len(tensors)*1024%shift)
		data := pool[from:][:t.Bytes(1, w.Size())]
		tensors[w.Name] = checkpoint.Tensor{Name: w.Name, Type: checkpoint.Type(t.String()), Shape: w.Shape, Data: data}
	}
	return tensors
}

// randomWeights makes n numbers, uniform in ±1/32, as bytes: as many as differ, over and over.
func randomWeights(n int, t compute.DType) []byte {
	const differ = 1 << 14
	x, rng := make([]float32, min(n, differ)), rand.New(rand.NewPCG(1, 2))
	for i := range x {
		x[i] = (2*rng.Float32() - 1) / 32
	}
	piece := make([]byte, t.Bytes(1, len(x)))
	if err := checkpoint.Encode(checkpoint.Type(t.String()), piece, x); err != nil {
		panic(err) // they are finite and of the right number
	}
	return bytes.Repeat(piece, (n+differ-1)/differ)[:t.Bytes(1, n)]
}
