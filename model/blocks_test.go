package model_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
	"fettle/internal/compute"
	"fettle/internal/compute/cpu"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
)

// TestBlocksAreTheWeightsTheyDecodeTo compares a model in GGUF's blocks with one of the floats they decode to, to the
// bit: losses, gradients, and losses again when all weights may be tuned.
func TestBlocksAreTheWeightsTheyDecodeTo(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, tinymodel.Write(dir, tinymodel.Config{Hidden: 64, Intermediate: 96, Heads: 4}, 5))
	s, err := model.Open(dir)
	require.NoError(t, err)
	kinds := []checkpoint.Type{checkpoint.Q4_0, checkpoint.Q8_0, checkpoint.Q5_1, checkpoint.IQ4_NL}
	blocks, floats := map[string]checkpoint.Tensor{}, map[string]checkpoint.Tensor{}
	for _, name := range slices.Sorted(maps.Keys(s.Tensors)) {
		tensor := s.Tensors[name]
		blocks[name], floats[name] = tensor, tensor
		if len(tensor.Shape) < 2 {
			continue
		}
		values, err := checkpoint.Float32s(tensor)
		require.NoError(t, err)
		b := checkpoint.Tensor{Name: name, Type: kinds[len(blocks)%len(kinds)], Shape: tensor.Shape}
		size, err := b.Type.Bytes(b.Shape)
		require.NoError(t, err)
		b.Data = make([]byte, size)
		require.NoError(t, checkpoint.Encode(b.Type, b.Data, values))
		values, err = checkpoint.Float32s(b)
		require.NoError(t, err)
		blocks[name], floats[name] = b, checkpoint.FromFloat32s(name, tensor.Shape, values)
	}
	tokens, labels := sequences(40, 23, 9)
	batch := model.Pack(tokens, labels)
	fast, err := cpu.New(cpu.Options{Compute: compute.ModeF32})
	require.NoError(t, err)
	for _, dev := range []compute.Device{ref.New(), fast} {
		var losses [2][]float64
		var grads [2][]float32
		for i, tensors := range []map[string]checkpoint.Tensor{blocks, floats} {
			m, err := model.NewAs(s.Config, tensors, dev, compute.NotQuantized)
			require.NoError(t, err)
			_, isBlock := m.Weight(model.Site{At: model.UpProj}).Type.Block()
			require.Equal(t, i == 0, isBlock)
			adapted, deltas := attach(m, 0, model.QProj, model.DownProj)
			loss, err := adapted.Gradients(batch, model.Uniform(1))
			require.NoError(t, err)
			for _, d := range deltas {
				grads[i] = append(grads[i], d.grad...)
			}
			u, err := m.Unfreeze(nil)
			require.NoError(t, err)
			again, err := m.Gradients(batch, model.Uniform(1))
			require.NoError(t, err)
			u.Finish()
			losses[i] = append(loss, again...)
			for _, w := range u.Weights() {
				grads[i] = append(grads[i], w.Grad...)
			}
		}
		require.Equal(t, losses[1], losses[0], dev.Name())
		require.Equal(t, grads[1], grads[0], dev.Name())
	}
}
