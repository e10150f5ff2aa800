package model

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
	"fettle/internal/compute/ref"
)

// familyTensors makes tensors of one value for a config.
func familyTensors(t *testing.T, keys string, as checkpoint.Type) (*Config, map[string]checkpoint.Tensor) {
	c, err := ParseConfig([]byte(`{"hidden_size": 72, "intermediate_size": 24, "num_hidden_layers": 2,
		"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 6, "vocab_size": 40,
		"max_position_embeddings": 64, ` + keys + `}`))
	require.NoError(t, err)
	tensors := map[string]checkpoint.Tensor{}
	for i, w := range c.Tensors() {
		values := make([]float32, w.Size())
		for j := range values {
			values[j] = float32(1+(i+j)%5) / 4
		}
		tensors[w.Name], err = checkpoint.Rounded(w.Name, as, w.Shape, values)
		require.NoError(t, err)
	}
	return c, tensors
}

func listed(tensors map[string]checkpoint.Tensor) (all []checkpoint.Computed) {
	for _, t := range tensors {
		all = append(all, checkpoint.Computed{Tensor: t})
	}
	return all
}

func TestFusedTensorsAreSplitAndFusedAgain(t *testing.T) {
	c, apart := familyTensors(t, `"model_type": "phi3"`, checkpoint.BF16)
	together, err := c.Together(listed(apart))
	require.NoError(t, err)
	require.Len(t, together, len(apart)-2*3)
	byName := map[string]checkpoint.Tensor{}
	for _, x := range together {
		var data bytes.Buffer
		require.NoError(t, x.As(checkpoint.BF16).To(&data))
		byName[x.Name] = checkpoint.Tensor{Name: x.Name, Type: x.Type, Shape: x.Shape, Data: data.Bytes()}
	}
	require.Equal(t, []int{24 + 12 + 12, 72}, byName["model.layers.1.self_attn.qkv_proj.weight"].Shape)
	require.Equal(t, []int{48, 72}, byName["model.layers.0.mlp.gate_up_proj.weight"].Shape)
	s := &Source{Config: c, Tensors: byName}
	require.Equal(t, matrixTypes[checkpoint.BF16], s.Stored(), "of a part")
	require.NoError(t, c.Split(byName))
	for name, x := range apart {
		require.Equal(t, x.Data, byName[name].Data, name)
		require.Equal(t, x.Shape, byName[name].Shape, name)
	}

	delete(apart, "model.layers.1.self_attn.k_proj.weight")
	_, err = c.Together(listed(apart))
	require.ErrorContains(t, err, "tensor model.layers.1.self_attn.k_proj.weight is missing")
	wrong := map[string]checkpoint.Tensor{}
	name := "model.layers.0.self_attn.qkv_proj.weight"
	wrong[name] = checkpoint.FromFloat32s(name, []int{47, 72}, make([]float32, 47*72))
	require.ErrorContains(t, c.Split(wrong), "shape [47 72], want [48 72]")
}

// Of a model of texts and pictures, in both generations of names, the part that reads texts is taken.
func TestTheLanguageModelIsTakenOutOfALargerOne(t *testing.T) {
	for _, prefix := range []string{"language_model.model.", "model.language_model."} {
		c, tensors := familyTensors(t, `"model_type": "gemma3", "text_config": {"model_type": "gemma3_text"}`,
			checkpoint.F32)
		want, err := New(c, tensors, ref.New())
		require.NoError(t, err)
		larger := map[string]checkpoint.Tensor{
			"vision_tower.x.weight":           checkpoint.FromFloat32s("vision_tower.x.weight", []int{1}, []float32{1}),
			"model.multi_modal_projector.mat": checkpoint.FromFloat32s("mat", []int{1}, []float32{1}),
		}
		for name, x := range tensors {
			x.Name = prefix + strings.TrimPrefix(name, "model.")
			larger[x.Name] = x
		}
		got, err := New(c, larger, ref.New())
		require.NoError(t, err)
		require.Equal(t, want.Fingerprint(), got.Fingerprint())
		require.Equal(t, want.Content(), got.Content())
	}
}

// √72 is 8.4853; the nearest BF16 is 8.5, the nearest F16 8.484375.
func TestEmbeddingsAreScaledInTheirOwnType(t *testing.T) {
	for as, root := range map[checkpoint.Type]float32{
		checkpoint.F32: 8.48528137423857, checkpoint.BF16: 8.5, checkpoint.F16: 8.484375,
	} {
		c, tensors := familyTensors(t, `"model_type": "gemma"`, as)
		m, err := New(c, tensors, ref.New())
		require.NoError(t, err)
		x, row := make([]float32, 72), make([]float32, 72)
		require.NoError(t, m.lookUp(x, Pack([][]int32{{3}}, nil)))
		m.weights.embed.Row(row, 3, 0)
		for i := range row {
			require.Equal(t, row[i]*root, x[i], "%s", as)
		}
	}
}
