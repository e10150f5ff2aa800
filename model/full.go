package model

import (
	"encoding/json"
	"fmt"
	"math"
	"unsafe"

	"fettle/internal/compute"
)

// Weight is a weight of an unfrozen model with its gradient.
type Weight struct {
	Name       string // Hugging Face
	Shape      []int
	Data, Grad []float32
}

// Unfrozen makes every weight of a model trainable. Its gradients accumulate
// segment by segment, so that their bits do not depend on micro-batches.
type Unfrozen struct {
	m       *Model
	weights []Weight
	byName  map[string]*Weight
	head    []float32 // (V, D) the head's part of a tied embedding's gradient
	logits  []float32
}

// Unfreeze turns the model's weights into float32 arrays that may change, and
// lets Gradients collect their gradients too.
func (m *Model) Unfreeze() (*Unfrozen, error) {
	u := &Unfrozen{m: m, byName: map[string]*Weight{}}
	w := m.weights
	add := func(name string, data []float32, shape ...int) []float32 {
		u.weights = append(u.weights, Weight{name, shape, data, make([]float32, len(data))})
		return data
	}
	matrix := func(old *compute.Matrix) *compute.Matrix {
		data := make([]float32, old.N*old.K)
		for i := range old.N {
			old.Row(data[i*old.K:][:old.K], i, 0)
		}
		add(old.Name, data, old.N, old.K)
		return &compute.Matrix{Name: old.Name, N: old.N, K: old.K, Type: compute.F32, Raw: bytesOf(data), Packed: old.Packed}
	}
	tied := w.head == w.embed
	w.embed = matrix(w.embed)
	for l := range w.blocks {
		b, at := &w.blocks[l], fmt.Sprintf("model.layers.%d.", l)
		b.norm1 = add(at+"input_layernorm.weight", b.norm1, len(b.norm1))
		b.norm2 = add(at+"post_attention_layernorm.weight", b.norm2, len(b.norm2))
		for p, old := range b.proj {
			b.proj[p] = matrix(old)
		}
	}
	w.norm = add("model.norm.weight", w.norm, len(w.norm))
	if tied {
		w.head, u.head = w.embed, make([]float32, len(u.weights[0].Grad))
	} else {
		w.head = matrix(w.head)
	}
	for i := range u.weights {
		u.byName[u.weights[i].Name] = &u.weights[i]
	}
	m.full = u
	return u, w.prepare(m.dev, "none")
}

// Weights lists the weights; a tied head is the embedding.
func (u *Unfrozen) Weights() []Weight { return u.weights }

// Finish completes the gradients after the last backward pass of a step.
func (u *Unfrozen) Finish() {
	if u.head != nil {
		grad := u.weights[0].Grad
		for i, v := range u.head {
			grad[i] += v
		}
		clear(u.head)
	}
}

// Refresh tells the device that the weights have changed.
func (u *Unfrozen) Refresh() error {
	w := u.m.weights
	all := []*compute.Matrix{w.embed, w.head}
	for l := range w.blocks {
		all = append(all, w.blocks[l].proj[:]...)
	}
	for _, m := range all {
		m.Raw = bytesOf(u.byName[m.Name].Data)
	}
	return w.prepare(u.m.dev, "none")
}

// bytesOf is the memory of data, which is little-endian on every machine Go
// compiles this program for.
func bytesOf(data []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), 4*len(data))
}

// matrix adds dyᵀ·x to the gradient of w, segment by segment.
func (u *Unfrozen) matrix(w *compute.Matrix, dy, x []float32, b *Batch) {
	if u == nil {
		return
	}
	grad := u.byName[w.Name].Grad
	for _, s := range b.Segments {
		u.m.dev.Gemm(true, false, w.N, w.K, s.Len, 1, dy[s.Row*w.N:], w.N, x[s.Row*w.K:], w.K, 1, grad, w.K)
	}
}

// norm adds the gradient of the RMSNorm weight before a site; x is its input.
func (u *Unfrozen) norm(before Site, dy, x []float32, eps float32) {
	if u == nil {
		return
	}
	name := "input_layernorm"
	if before.At == GateProj {
		name = "post_attention_layernorm"
	}
	normGradient(u.byName[fmt.Sprintf("model.layers.%d.%s.weight", before.Layer, name)].Grad, dy, x, eps)
}

func (u *Unfrozen) finalNorm(dy, x []float32, eps float32) {
	normGradient(u.byName["model.norm.weight"].Grad, dy, x, eps)
}

// normGradient: dw += Σ_i dy[i]·x[i]/sqrt(mean(x[i]²)+eps).
func normGradient(dw, dy, x []float32, eps float32) {
	d := len(dw)
	for at := 0; at < len(x); at += d {
		sum := 0.0
		for _, v := range x[at : at+d] {
			sum += float64(v) * float64(v)
		}
		inverse := float32(1 / math.Sqrt(sum/float64(d)+float64(eps)))
		for j := range dw {
			dw[j] += float32(dy[at+j] * float32(x[at+j]*inverse))
		}
	}
}

// crossEntropy is the device's, with the gradient of the head as well.
func (u *Unfrozen) crossEntropy(nll []float64, dx, x []float32, target []int32, scale []float32, b *Batch) {
	head := u.m.weights.head
	grad := u.head
	if grad == nil {
		grad = u.byName[head.Name].Grad
	}
	for lo := 0; lo < len(target); {
		hi := lo + 1
		for hi < len(target) && b.segmentOf(b.Targets[hi].Row) == b.segmentOf(b.Targets[lo].Row) {
			hi++
		}
		n := hi - lo
		z := room(&u.logits, n*head.N)
		u.m.dev.MatMul(z, x[lo*head.K:], head, n)
		for i := range n {
			nll[lo+i] = softmaxGradient(z[i*head.N:][:head.N], target[lo+i], scale[lo+i])
		}
		u.m.dev.MatMulT(dx[lo*head.K:], z, head, n)
		u.m.dev.Gemm(true, false, head.N, head.K, n, 1, z, head.N, x[lo*head.K:], head.K, 1, grad, head.K)
		lo = hi
	}
}

// softmaxGradient turns logits into scale times the gradient of their loss.
func softmaxGradient(z []float32, target int32, scale float32) float64 {
	top, sum := z[0], 0.0
	for _, v := range z {
		top = max(top, v)
	}
	for _, v := range z {
		sum += math.Exp(float64(v - top))
	}
	loss := math.Log(sum) + float64(top) - float64(z[target])
	for i, v := range z {
		z[i] = float32(float64(scale) * math.Exp(float64(v-top)) / sum)
	}
	z[target] -= scale
	return loss
}

// embedding adds the gradient of the rows that were looked up.
func (u *Unfrozen) embedding(g []float32, b *Batch) {
	if u == nil {
		return
	}
	grad, d := u.weights[0].Grad, u.m.config.Hidden
	for i, t := range b.Tokens {
		row := grad[int(t)*d:][:d]
		for j, v := range g[i*d:][:d] {
			row[j] += v
		}
	}
}

// JSON is the config.json of a model of these dimensions with float32 weights.
func (c *Config) JSON() ([]byte, error) {
	file := map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "torch_dtype": "float32", "hidden_act": "silu",
		"hidden_size": c.Hidden, "intermediate_size": c.Intermediate, "num_hidden_layers": c.Layers,
		"num_attention_heads": c.Heads, "num_key_value_heads": c.KVHeads, "head_dim": c.HeadDim,
		"vocab_size": c.Vocab, "max_position_embeddings": c.MaxPositions, "tie_word_embeddings": c.Tied,
		"rms_norm_eps": c.NormEps, "rope_theta": c.RopeTheta, "attention_bias": false, "mlp_bias": false,
	}
	if c.BOS >= 0 {
		file["bos_token_id"] = c.BOS
	}
	switch len(c.EOS) {
	case 0:
	case 1:
		file["eos_token_id"] = c.EOS[0]
	default:
		file["eos_token_id"] = c.EOS
	}
	if s := c.RopeScaling; s != nil {
		scaling := map[string]any{"rope_type": s.Type, "factor": s.Factor}
		if s.Type == "llama3" {
			scaling["low_freq_factor"], scaling["high_freq_factor"] = s.LowFreq, s.HighFreq
			scaling["original_max_position_embeddings"] = s.OriginalMaxPositions
		}
		file["rope_scaling"] = scaling
	}
	text, err := json.MarshalIndent(file, "", "  ")
	return append(text, '\n'), err
}
