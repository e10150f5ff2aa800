package adapter_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/atomicfile"
	"fettle/internal/budget"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/pth"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
)

// officialFile writes gates of 3 layers and prompts of some rows.
func officialFile(t testing.TB, rows int, gates []float32, more ...checkpoint.Tensor) string {
	tensors := []checkpoint.Tensor{counted("adapter_query.weight", rows, 16)}
	for layer, g := range gates {
		name := "layers." + string(rune('0'+layer)) + ".attention.gate"
		tensors = append(tensors, checkpoint.FromFloat32s(name, []int{1, 4, 1, 1}, []float32{0, g, 0, g}))
	}
	path := filepath.Join(t.TempDir(), "adapter.pth")
	write := func(w io.Writer) error { return pth.Encode(w, append(tensors, more...)) }
	require.NoError(t, atomicfile.Write(path, write))
	return path
}

func TestTheOfficialFileTellsItsLayersByItsGates(t *testing.T) {
	base := load(t, fast(t, 1))
	for _, c := range []struct {
		reason      string
		rows        int
		gates       []float32
		layers, len int
	}{
		{"two of three", 12, []float32{0, 0.5, 0.5}, 2, 6},
		{"all", 12, []float32{0.5, 0.5, 0.5}, 3, 4},
		{"one", 7, []float32{0, 0, 0.5}, 1, 7},
		{"a gate that is still zero", 10, []float32{0, 0, 0.5}, 1, 10},
		{"rows that two do not divide", 9, []float32{0, 0.5, 0.5}, 3, 3},
		{"untrained, of the official length", 20, []float32{0, 0, 0}, 2, 10},
		{"untrained, of another length", 7, []float32{0, 0, 0}, 1, 7},
	} {
		t.Run(c.reason, func(t *testing.T) {
			s, err := adapter.Load(officialFile(t, c.rows, c.gates), base)
			require.NoError(t, err)
			a := s.Method().(adapter.LLaMAAdapter)
			require.Equal(t, [2]int{c.layers, c.len}, [2]int{a.Layers, a.Len})
		})
	}
	// The official training saves the whole model; its own weights are passed over.
	more := []checkpoint.Tensor{counted("tok_embeddings.weight", 4, 4), counted("layers.0.attention.wq.weight", 4, 4)}
	_, err := adapter.Load(officialFile(t, 12, []float32{0, 0.5, 0.5}, more...), base)
	require.NoError(t, err)
}

func TestOtherFilesOfLLaMAAdapterAreRefused(t *testing.T) {
	base := load(t, fast(t, 1))
	gates := []float32{0, 0.5, 0.5}
	for _, c := range []struct{ reason, path, want string }{
		{"version 2", officialFile(t, 12, gates, counted("layers.0.attention.wq.bias", 16)), "version 2 trains biases"},
		{"version 2's scale", officialFile(t, 12, gates, counted("layers.1.feed_forward.w1.scale", 24)), "version 2"},
		{"too few layers", officialFile(t, 12, gates[1:]), "gates of 2 layers, the base has 3"},
		{"no rows", officialFile(t, 0, gates), "has 0 rows"},
		{"rows that nothing divides", officialFile(t, 1, []float32{0.5, 0.5, 0.5}), "has 1 rows, which the 3 layers"},
		{"gates of another base", officialFile(t, 12, gates[:2], counted("layers.2.attention.gate", 1, 8, 1, 1)),
			"shape [1 8 1 1], want [1 4 1 1]"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			_, err := adapter.Load(c.path, base)
			require.ErrorContains(t, err, c.want)
		})
	}
	// A gate of 1 or more is no tanh; several gates are not one.
	lit := filepath.Join(t.TempDir(), "lit")
	dir, s := onDisk(t, adapter.LLaMAAdapter{Len: 2, Layers: 2, Gate: adapter.PerHead, GateActivation: adapter.None}, base)
	s.Params()[1].Data[2] = 1.25
	require.NoError(t, s.Save(dir))
	require.NoError(t, adapter.Export(dir, base.Config(), lit, adapter.Output{Form: adapter.LitGPT}))
	err := adapter.Export(lit, base.Config(), filepath.Join(t.TempDir(), "x.pth"), adapter.Output{Form: adapter.Official})
	require.ErrorContains(t, err, "gate 1.25 of layer 1 cannot be written as a tanh")
	err = adapter.Export(lit, base.Config(), filepath.Join(t.TempDir(), "x"), adapter.Output{Form: adapter.PEFT})
	require.ErrorContains(t, err, "export the adapter as llama-adapter or litgpt")
}

func TestADamagedFileIsCalledSo(t *testing.T) {
	path := officialFile(t, 12, []float32{0, 0.5, 0.5})
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	half := binary.LittleEndian.AppendUint32(nil, math.Float32bits(0.5))
	require.NoError(t, os.WriteFile(path, bytes.Replace(data, half, []byte{1, 2, 3, 4}, 1), 0o644))
	_, err = adapter.Load(path, load(t, fast(t, 1)))
	require.ErrorContains(t, err, "is damaged: its checksum differs")
}

// FuzzForms loads adapters that are files, which may be anything: an error, or a set that PEFT's files hold as well.
func FuzzForms(f *testing.F) {
	base := f.TempDir()
	require.NoError(f, tinymodel.Write(base, tinymodel.Config{}, 7))
	m, err := model.Load(base, ref.New())
	require.NoError(f, err)
	keys, tensors := ggufLoRA()
	for _, path := range []string{writeGGUF(f, keys, tensors), officialFile(f, 12, []float32{0, 0.5, 0.5})} {
		text, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(text)
	}
	dir := f.TempDir()
	path, again := filepath.Join(dir, "adapter"), filepath.Join(dir, "again")
	require.NoError(f, os.Mkdir(again, 0o700))
	f.Fuzz(func(t *testing.T, raw []byte) {
		defer budget.Of(t, len(raw))()
		require.NoError(t, os.WriteFile(path, raw, 0o600))
		s, err := adapter.Load(path, m)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		want := written(t, s)
		place(t, again, want)
		s, err = adapter.Load(again, m)
		require.NoError(t, err)
		require.Equal(t, want, written(t, s))
	})
}
