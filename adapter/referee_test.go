package adapter_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
)

// referee is a whole LLaMA as one Gorgonia graph in float64, of plain nodes
// whose gradients Gorgonia gets right. Only matrix products and elementwise
// operations are used: means and broadcasts are products with constant
// matrices.
type referee struct {
	t       *testing.T
	c       *model.Config
	g       *G.ExprGraph
	n       int
	weights map[string]*G.Node // by name; q, k and v by name and head
}

func (r *referee) leaf(name string, rows, cols int, at func(i, j int) float64) *G.Node {
	data := make([]float64, rows*cols)
	for i := range rows {
		for j := range cols {
			data[i*cols+j] = at(i, j)
		}
	}
	value := tensor.New(tensor.WithShape(rows, cols), tensor.WithBacking(data))
	return G.NewMatrix(r.g, tensor.Float64, G.WithShape(rows, cols), G.WithName(name), G.WithValue(value))
}

func (r *referee) must(n *G.Node, err error) *G.Node {
	require.NoError(r.t, err)
	return n
}

func (r *referee) mul(a, b *G.Node) *G.Node { return r.must(G.Mul(a, b)) }
func (r *referee) by(a, b *G.Node) *G.Node  { return r.must(G.HadamardProd(a, b)) }
func (r *referee) add(a, b *G.Node) *G.Node { return r.must(G.Add(a, b)) }

// linear is x·Wᵀ.
func (r *referee) linear(x, w *G.Node) *G.Node { return r.mul(x, r.must(G.Transpose(w, 1, 0))) }

// weight makes a leaf of rows lo … hi-1 of a model's weight.
func (r *referee) weight(w model.Weight, lo, hi int, suffix string) *G.Node {
	cols := w.Shape[len(w.Shape)-1]
	n := r.leaf(w.Name+suffix, hi-lo, cols, func(i, j int) float64 { return float64(w.Data[(lo+i)*cols+j]) })
	r.weights[w.Name+suffix] = n
	return n
}

// norm is RMSNorm with weight w (1, D).
func (r *referee) norm(name string, x, w *G.Node) *G.Node {
	d := r.c.Hidden
	mean := r.leaf(name+" mean", d, d, func(int, int) float64 { return 1 / float64(d) })
	eps := r.leaf(name+" eps", r.n, d, func(int, int) float64 { return r.c.NormEps })
	ones := r.leaf(name+" ones", r.n, 1, func(int, int) float64 { return 1 })
	root := r.must(G.Sqrt(r.add(r.mul(r.by(x, x), mean), eps)))
	return r.by(r.must(G.HadamardDiv(x, root)), r.mul(ones, w))
}

// rope rotates one head (n, Dh): x∘cos + (x·turn)∘sin.
func (r *referee) rope(name string, x *G.Node) *G.Node {
	d := r.c.HeadDim
	angle := func(i, j int) float64 {
		return float64(i) * math.Pow(r.c.RopeTheta, -2*float64(j%(d/2))/float64(d))
	}
	cos := r.leaf(name+" cos", r.n, d, func(i, j int) float64 { return math.Cos(angle(i, j)) })
	sin := r.leaf(name+" sin", r.n, d, func(i, j int) float64 { return math.Sin(angle(i, j)) })
	turn := r.leaf(name+" turn", d, d, func(i, j int) float64 {
		switch {
		case i == j+d/2:
			return -1
		case j == i+d/2:
			return 1
		}
		return 0
	})
	return r.add(r.by(x, cos), r.by(r.mul(x, turn), sin))
}

// loss builds the network and the sum of its token losses.
func (r *referee) loss(weights map[string]model.Weight, tokens []int32) *G.Node {
	c, n := r.c, len(tokens)
	r.n = n
	whole := func(name string) *G.Node {
		w := weights[name]
		rows := 1
		if len(w.Shape) == 2 {
			rows = w.Shape[0]
		}
		return r.weight(w, 0, rows, "")
	}
	pick := r.leaf("tokens", n, c.Vocab, func(i, j int) float64 { return one(int(tokens[i]) == j) })
	x := r.mul(pick, whole("model.embed_tokens.weight"))
	causal := r.leaf("causal", n, n, func(i, j int) float64 { return -1e9 * one(j > i) })
	scale := r.leaf("scale", n, n, func(int, int) float64 { return 1 / math.Sqrt(float64(c.HeadDim)) })
	for l := range c.Layers {
		at := fmt.Sprintf("model.layers.%d.", l)
		h := r.norm(at+"norm1", x, whole(at+"input_layernorm.weight"))
		part := func(name string, head int) *G.Node {
			return r.weight(weights[at+name], head*c.HeadDim, (head+1)*c.HeadDim, fmt.Sprint(" ", head))
		}
		var keys, values []*G.Node
		for g := range c.KVHeads {
			keys = append(keys, r.rope(fmt.Sprint(at, "k", g), r.linear(h, part("self_attn.k_proj.weight", g))))
			values = append(values, r.linear(h, part("self_attn.v_proj.weight", g)))
		}
		wo := weights[at+"self_attn.o_proj.weight"]
		for head := range c.Heads {
			g := head / (c.Heads / c.KVHeads)
			q := r.rope(fmt.Sprint(at, "q", head), r.linear(h, part("self_attn.q_proj.weight", head)))
			p := r.must(G.SoftMax(r.add(r.by(r.linear(q, keys[g]), scale), causal), 1))
			// o_proj's columns of this head
			name := fmt.Sprint(wo.Name, " ", head)
			o := r.leaf(name, c.Hidden, c.HeadDim, func(i, j int) float64 {
				return float64(wo.Data[i*c.Heads*c.HeadDim+head*c.HeadDim+j])
			})
			r.weights[name] = o
			x = r.add(x, r.linear(r.mul(p, values[g]), o))
		}
		h = r.norm(at+"norm2", x, whole(at+"post_attention_layernorm.weight"))
		gate := r.linear(h, whole(at+"mlp.gate_proj.weight"))
		act := r.by(r.by(gate, r.must(G.Sigmoid(gate))), r.linear(h, whole(at+"mlp.up_proj.weight")))
		x = r.add(x, r.linear(act, whole(at+"mlp.down_proj.weight")))
	}
	logits := r.linear(r.norm("norm", x, whole("model.norm.weight")), whole("lm_head.weight"))
	target := r.leaf("targets", n, c.Vocab, func(i, j int) float64 {
		return -one(i+1 < n && int(tokens[min(i+1, n-1)]) == j)
	})
	return r.must(G.Sum(r.by(r.must(G.Log(r.must(G.SoftMax(logits, 1)))), target)))
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// The model's hand-written gradient of every weight against Gorgonia's.
func TestBlocksAgreeWithGorgonia(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, tinymodel.Write(dir, tinymodel.Config{
		Hidden: 8, Intermediate: 12, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 4, Vocab: 11,
	}, 3))
	m, err := model.Load(dir, ref.New())
	require.NoError(t, err)
	u, err := m.Unfreeze(nil)
	require.NoError(t, err)
	tokens := []int32{1, 7, 3, 3, 10, 0}
	losses, err := m.Gradients(model.Pack([][]int32{tokens}, [][]int32{tokens}), model.Uniform(1))
	require.NoError(t, err)
	u.Finish()

	weights := map[string]model.Weight{}
	for _, w := range u.Weights() {
		weights[w.Name] = w
	}
	r := &referee{t: t, c: m.Config(), g: G.NewGraph(), weights: map[string]*G.Node{}}
	loss := r.loss(weights, tokens)
	var names []string
	var with G.Nodes
	for name, n := range r.weights {
		names, with = append(names, name), append(with, n)
	}
	grads, err := G.Grad(loss, with...)
	require.NoError(t, err)
	values := make([]G.Value, len(grads))
	for i := range grads {
		G.Read(grads[i], &values[i])
	}
	vm := G.NewTapeMachine(r.g)
	defer vm.Close()
	require.NoError(t, vm.RunAll())
	require.InEpsilon(t, loss.Value().Data().(float64), losses[0], 1e-6)

	checked := 0
	for i, name := range names {
		want := values[i].Data().([]float64)
		got := ours(m.Config(), weights, name)
		require.Len(t, got, len(want), name)
		top, wrong := 0.0, 0.0
		for j := range want {
			top, wrong = max(top, math.Abs(want[j])), max(wrong, math.Abs(want[j]-float64(got[j])))
		}
		require.LessOrEqual(t, wrong, 2e-5*top, name)
		checked++
	}
	t.Logf("%d gradients compared", checked)
}

// ours is the part of the model's gradient that a leaf of the referee stands
// for: "name" whole, "name 2" the rows (of o_proj the columns) of head 2.
func ours(c *model.Config, weights map[string]model.Weight, leaf string) []float32 {
	if w, ok := weights[leaf]; ok {
		return w.Grad
	}
	var name string
	var head int
	fmt.Sscanf(leaf, "%s %d", &name, &head)
	w, d := weights[name], c.HeadDim
	if w.Shape[0] != c.Hidden || w.Shape[1] != c.Heads*d || name[len(name)-len("o_proj.weight"):] != "o_proj.weight" {
		return w.Grad[head*d*w.Shape[1] : (head+1)*d*w.Shape[1]]
	}
	var out []float32
	for i := range c.Hidden {
		out = append(out, w.Grad[i*w.Shape[1]+head*d:][:d]...)
	}
	return out
}
