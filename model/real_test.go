package model_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model"
	"fettle/model/tokenizer"
)

// shared returns a path in the reference material; without the material it skips the test.
func shared(t *testing.T, parts ...string) string {
	root := os.Getenv("FETTLE_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "shared")
	}
	path := filepath.Join(append([]string{root}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no reference material: %v (set FETTLE_DATA)", err)
	}
	return path
}

func readJSON(t *testing.T, path string, into any) {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, into))
}

var realModels = []string{"stories260K", "babyllama_tok361"}

// reference decodes golden.json beside the weights of a real model: float64 results of another program.
type reference struct {
	Prompt    []int32               `json:"prompt_ids"`
	Last      []float64             `json:"last_logits"`
	Argmax    []int                 `json:"per_position_argmax"`
	LogSumExp []float64             `json:"per_position_logsumexp"`
	Greedy    []int32               `json:"greedy_ids"`
	Text      []int32               `json:"text_ids"`
	NLL       []float64             `json:"nll"`
	MeanNLL   float64               `json:"mean_nll"`
	Gradients map[string][3]float64 `json:"grads"` // L2 norm, sum, first element
}

func argmax(z []float32) int {
	best := 0
	for i, v := range z {
		if v > z[best] {
			best = i
		}
	}
	return best
}

func logSumExp(z []float32) float64 {
	top, sum := float64(slices.Max(z)), 0.0
	for _, v := range z {
		sum += math.Exp(float64(v) - top)
	}
	return top + math.Log(sum)
}

// greedy continues prompt by n tokens.
func greedy(t *testing.T, m *model.Model, prompt []int32, n int) []int32 {
	s, ids := m.NewSession(0), slices.Clone(prompt)
	z, err := s.Decode(prompt)
	for range n {
		require.NoError(t, err)
		ids = append(ids, int32(argmax(z)))
		z, err = s.Decode(ids[len(ids)-1:])
	}
	return ids
}

func TestRealModelsComputeTheReference(t *testing.T) {
	for _, name := range realModels {
		for device, dev := range devices(t) {
			t.Run(name+" "+device, func(t *testing.T) {
				dir := shared(t, "data", "weights", name)
				var want reference
				readJSON(t, filepath.Join(dir, "golden.json"), &want)
				m, err := model.Load(filepath.Join(dir, "hf"), dev)
				require.NoError(t, err)

				rows := make([]int, len(want.Prompt))
				for i := range rows {
					rows[i] = i
				}
				logits, err := m.Logits(model.Pack([][]int32{want.Prompt}, nil), rows)
				require.NoError(t, err)
				v := m.Config().Vocab
				for i := range rows {
					z := logits[i*v:][:v]
					require.Equal(t, want.Argmax[i], argmax(z))
					require.InDelta(t, want.LogSumExp[i], logSumExp(z), 5e-5)
				}
				for i, z := range logits[(len(rows)-1)*v:] {
					require.InDelta(t, want.Last[i], z, 5e-5)
				}

				text := [][]int32{want.Text}
				for i := 0; i < len(want.NLL); i += 9 { // one target at a time: a token's loss
					b := model.Pack(text, text)
					b.Targets = b.Targets[i : i+1]
					loss, err := m.Loss(b)
					require.NoError(t, err)
					require.InDelta(t, want.NLL[i], loss[0], 5e-5)
				}
				loss, err := m.Loss(model.Pack(text, text))
				require.NoError(t, err)
				require.InEpsilon(t, want.MeanNLL, loss[0]/float64(len(want.NLL)), 2e-6)
				require.Equal(t, want.Greedy, greedy(t, m, want.Prompt, len(want.Greedy)-len(want.Prompt)))
			})
		}
	}
}

// metaNames translates our names of tensors into the reference's.
var metaNames = strings.NewReplacer(
	"model.embed_tokens", "tok_embeddings", "model.norm", "norm", "model.layers", "layers",
	"self_attn.q_proj", "attention.wq", "self_attn.k_proj", "attention.wk",
	"self_attn.v_proj", "attention.wv", "self_attn.o_proj", "attention.wo",
	"mlp.gate_proj", "feed_forward.w1", "mlp.down_proj", "feed_forward.w2", "mlp.up_proj", "feed_forward.w3",
	"input_layernorm", "attention_norm", "post_attention_layernorm", "ffn_norm")

func TestRealModelsHaveTheReferenceGradient(t *testing.T) {
	for _, name := range realModels {
		t.Run(name, func(t *testing.T) {
			dir := shared(t, "data", "weights", name)
			var want reference
			readJSON(t, filepath.Join(dir, "golden.json"), &want)
			m, err := model.Load(filepath.Join(dir, "hf"), fast(t, 2))
			require.NoError(t, err)
			u, err := m.Unfreeze(nil)
			require.NoError(t, err)
			text := [][]int32{want.Text}
			_, err = m.Gradients(model.Pack(text, text), model.Uniform(1/float64(len(want.NLL))))
			require.NoError(t, err)
			u.Finish()
			weights := u.Weights()
			require.Equal(t, len(want.Gradients)+1, len(weights))
			for i, g := range weights[len(weights)-1].Grad { // here the head is a copy, there it is the embedding
				weights[0].Grad[i] += g
			}
			for _, w := range weights[:len(weights)-1] {
				g, ok := want.Gradients[metaNames.Replace(w.Name)]
				require.True(t, ok, w.Name)
				square, sum := 0.0, 0.0
				for _, x := range w.Grad {
					square += float64(x) * float64(x)
					sum += float64(x)
				}
				require.InEpsilon(t, g[0], math.Sqrt(square), 1e-5, w.Name)
				require.InDelta(t, g[1], sum, 2e-5*g[0]*math.Sqrt(float64(len(w.Grad))), w.Name)
				require.InDelta(t, g[2], w.Grad[0], 1e-5*g[0], w.Name)
			}
		})
	}
}

func TestGreedyStoryIsThePublishedOne(t *testing.T) {
	want, err := os.ReadFile(shared(t, "golden", "stories260K_greedy200.txt"))
	require.NoError(t, err)
	dir := shared(t, "data", "weights", "stories260K", "hf")
	for device, dev := range devices(t) {
		t.Run(device, func(t *testing.T) {
			m, err := model.Load(dir, dev)
			require.NoError(t, err)
			tok, err := tokenizer.Load(dir)
			require.NoError(t, err)
			ids := greedy(t, m, []int32{tok.BOS()}, 200) // positions 1 to 200, after BOS
			require.Equal(t, string(want), tok.Decode(ids[1:]))
		})
	}
}
