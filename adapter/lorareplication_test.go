package adapter_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
)

// unrolled loads a tiny model whose layer l is layer order[l] of the one in dir, as a model of its own.
func unrolled(t *testing.T, dir string, order []int) *model.Model {
	c, err := model.ReadConfig(dir)
	require.NoError(t, err)
	f, err := safetensors.Open(filepath.Join(dir, "model.safetensors"))
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	tensors := map[string]checkpoint.Tensor{}
	for _, name := range f.Names() {
		w, _ := f.Tensor(name)
		if !strings.HasPrefix(name, "model.layers.") {
			tensors[name] = w
		}
		for l, from := range order {
			if rest, ok := strings.CutPrefix(name, fmt.Sprintf("model.layers.%d.", from)); ok {
				tensors[fmt.Sprintf("model.layers.%d.%s", l, rest)] = w
			}
		}
	}
	c.Layers = len(order)
	m, err := model.New(c, tensors, ref.New())
	require.NoError(t, err)
	return m
}

func TestReplicatedLayersComputeAsLayersOfTheirOwn(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, tinymodel.Write(dir, tinymodel.Config{}, 7))
	base, err := model.Load(dir, ref.New())
	require.NoError(t, err)
	b := batch(7, 12)
	for _, c := range []struct {
		ranges string
		order  []int
	}{
		{"[[0, 3]]", []int{0, 1, 2}},
		{"[[0, 2], [1, 3]]", []int{0, 1, 1, 2}},
		{"[[2, 3], [0, 1], [0, 3]]", []int{2, 0, 0, 1, 2}},
		{"[[1, 2]]", []int{1}},
	} {
		t.Run(c.ranges, func(t *testing.T) {
			plain := unrolled(t, dir, c.order)
			want, err := adapter.New(methods["LoRA q, v"], plain, 1)
			require.NoError(t, err)
			stir(t, want)
			path := t.TempDir()
			require.NoError(t, want.Save(path))
			config := written(t, want)[adapter.ConfigFile]
			put(t, path, adapter.ConfigFile, strings.Replace(config, "{", `{"layer_replication": `+c.ranges+",", 1))

			got, err := adapter.Load(path, base)
			require.NoError(t, err)
			rows := []int{3, 6, 18}
			x, err := want.Model().Logits(b, rows)
			require.NoError(t, err)
			y, err := got.Model().Logits(b, rows)
			require.NoError(t, err)
			require.Equal(t, bits(x), bits(y))
			gradients(t, want.Model(), want, b)
			gradients(t, got.Model(), got, b)
			for i, p := range want.Params() {
				require.Equal(t, bits(p.Grad), bits(got.Params()[i].Grad), p.Name)
			}
			session := got.Model().NewSession(0)
			last, err := session.Decode(b.Tokens[:7])
			require.NoError(t, err)
			require.Equal(t, bits(x[40:80]), bits(last), "decoding")

			again := t.TempDir()
			require.NoError(t, got.Save(again))
			set, err := adapter.Load(again, base)
			require.NoError(t, err)
			require.Equal(t, written(t, got), written(t, set))
		})
	}
	for ranges, want := range map[string]string{
		"[[0, 4]]": "layer_replication has layers 0 to 3, the base has 0 to 2", "[[-1, 2]]": "layers -1 to 1",
		"[[2, 1]]": "layers 2 to 0", "3": "layer_replication is 3, want a list of",
	} {
		path := t.TempDir()
		put(t, path, adapter.ConfigFile, `{"peft_type": "LORA", "layer_replication": `+ranges+`}`)
		put(t, path, adapter.WeightsFile, "\x02\x00\x00\x00\x00\x00\x00\x00{}")
		_, err := adapter.Load(path, base)
		require.ErrorContains(t, err, want)
	}
}

func TestTensorsWithTheAdaptersNameLoadEqual(t *testing.T) {
	m := load(t, ref.New())
	set, err := adapter.New(methods["LoRA, bias"], m, 1)
	require.NoError(t, err)
	stir(t, set)
	for _, name := range []string{"default", "alice", "run-2"} {
		dir := t.TempDir()
		require.NoError(t, set.Save(dir))
		f, err := safetensors.Open(filepath.Join(dir, adapter.WeightsFile))
		require.NoError(t, err)
		var tensors []checkpoint.Tensor
		for _, was := range f.Names() {
			w, _ := f.Tensor(was)
			i := strings.LastIndexByte(was, '.')
			w.Name = was[:i] + "." + name + was[i:]
			tensors = append(tensors, w)
		}
		out, err := os.Create(filepath.Join(t.TempDir(), "named"))
		require.NoError(t, err)
		require.NoError(t, safetensors.Encode(out, tensors, nil))
		require.NoError(t, out.Close())
		require.NoError(t, f.Close())
		require.NoError(t, os.Rename(out.Name(), filepath.Join(dir, adapter.WeightsFile)))
		again, err := adapter.Load(dir, m)
		require.NoError(t, err)
		require.Equal(t, written(t, set)[adapter.WeightsFile], written(t, again)[adapter.WeightsFile])
	}
}
