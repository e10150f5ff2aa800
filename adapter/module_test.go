package adapter

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
)

func noise(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// module is one delta with its inputs, and the hand-derived gradients that
// referee Gorgonia's.
type module struct {
	set    *Set
	delta  model.Delta
	at     model.Site
	b      *model.Batch
	x, dy  []float32
	params map[string][]float32 // the referee's gradients by name
	dx     []float32
}

func newModule(t *testing.T, c Method, at model.Site) *module {
	dir := t.TempDir()
	require.NoError(t, tinymodel.Write(dir, tinymodel.Config{}, 7))
	m, err := model.Load(dir, ref.New())
	require.NoError(t, err)
	s, err := New(c, m, 1)
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(4, 4))
	for _, p := range s.Params() {
		copy(p.Data, noise(rng, len(p.Data)))
	}
	require.NoError(t, s.Refresh())
	in, out := m.Config().Heads*m.Config().HeadDim, m.Config().Heads*m.Config().HeadDim
	if at.At != model.Attention {
		in, out = m.Weight(at).K, m.Weight(at).N
	}
	b := model.Pack([][]int32{make([]int32, 6), make([]int32, 1), make([]int32, 9)}, nil)
	b.Segments = append([]compute.Segment(nil), b.Segments...)
	return &module{
		set: s, delta: s.Delta(at), at: at, b: b, x: noise(rng, 16*in), dy: noise(rng, 16*out),
		params: map[string][]float32{}, dx: make([]float32, 16*in),
	}
}

// referee computes a module's gradients in float64 with the formulas written
// out; wrong > 0 breaks one of them, to prove that the comparison detects it.
func (m *module) referee(wrong int) {
	if m.at.At == model.Attention {
		m.refereePrompt(wrong)
		return
	}
	l := m.delta.(*lora)
	in, out, r, n := l.a.Shape[1], l.b.Shape[0], l.form.r, 16
	da, db := make([]float32, len(l.a.Data)), make([]float32, len(l.b.Data))
	for i := range n {
		for k := range r {
			u, du := 0.0, 0.0
			for j := range in {
				u += float64(m.x[i*in+j]) * float64(l.a.Data[k*in+j])
			}
			for o := range out {
				du += float64(l.form.s) * float64(m.dy[i*out+o]) * float64(l.b.Data[o*r+k])
				factor := float64(l.form.s)
				if wrong == 1 {
					factor = 1 // the scale forgotten in ∂B
				}
				db[o*r+k] += float32(factor * float64(m.dy[i*out+o]) * u)
			}
			if wrong == 2 && i == 0 {
				du = 0 // a row forgotten in ∂A
			}
			for j := range in {
				da[k*in+j] += float32(du * float64(m.x[i*in+j]))
				if wrong != 3 || k > 0 { // a column of A forgotten in ∂x
					m.dx[i*in+j] += float32(du * float64(l.a.Data[k*in+j]))
				}
			}
		}
	}
	m.params[l.a.Name], m.params[l.b.Name] = da, db
}

func (m *module) refereePrompt(wrong int) {
	p := m.delta.(*prompt)
	c := p.model.Config()
	h, g, d := c.Heads, c.KVHeads, c.HeadDim
	length := len(p.k) / (g * d)
	dk, dv := make([]float32, len(p.k)), make([]float32, len(p.v))
	gate := make([]float32, len(p.gate))
	for i := range 16 {
		for head := range h {
			at, q := head/(h/g)*d, m.x[(i*h+head)*d:][:d]
			dy := m.dy[(i*h+head)*d:][:d]
			z, sum := make([]float64, length), 0.0
			for j := range length {
				for e := range d {
					z[j] += float64(q[e]) * float64(p.k[j*g*d+at+e]) / math.Sqrt(float64(d))
				}
				z[j] = math.Exp(z[j])
				sum += z[j]
			}
			ds, inner := make([]float64, length), 0.0
			for j := range length {
				z[j] /= sum
				for e := range d {
					ds[j] += float64(dy[e]) * float64(p.v[j*g*d+at+e])
				}
				inner += ds[j] * z[j]
			}
			active := float64(p.c[head])
			slope := 1.0
			if p.form.tanh && wrong != 4 { // the slope of tanh forgotten
				slope = 1 - active*active
			}
			gate[min(head, len(gate)-1)] += float32(inner * slope)
			for j := range length {
				mean := inner
				if wrong == 5 {
					mean = 0 // the softmax's normalisation forgotten
				}
				dz := active * z[j] * (ds[j] - mean) / math.Sqrt(float64(d))
				if wrong == 6 && head%2 == 1 {
					dz = 0 // the second head of a group forgotten
				}
				for e := range d {
					dv[j*g*d+at+e] += float32(active * z[j] * float64(dy[e]))
					dk[j*g*d+at+e] += float32(dz * float64(q[e]))
					m.dx[(i*h+head)*d+e] += float32(dz * float64(p.k[j*g*d+at+e]))
				}
			}
		}
	}
	rows := make([]float32, len(p.rows))
	dev := p.dev
	dev.MatMulT(rows, dk, p.weight(model.KProj), length)
	dev.MatMulT(rows, dv, p.weight(model.VProj), length)
	m.params["rows"], m.params["gate"] = rows, gate
}

// difference is the largest deviation of Gorgonia's gradients from the
// referee's, relative to the largest element.
func (m *module) difference(t *testing.T) float64 {
	dx := make([]float32, len(m.dx))
	m.set.ZeroGrad()
	require.NoError(t, m.delta.Backward(dx, append([]float32(nil), m.dy...), m.x, nil, m.b))
	require.NoError(t, m.set.Finish())
	got := map[string][]float32{}
	for _, p := range m.set.Params() {
		got[p.Name] = p.Grad
	}
	if p, ok := m.delta.(*prompt); ok {
		got["rows"], got["gate"] = p.gradRows, p.sumGate.rows[0]
	}
	worst := relative(dx, m.dx)
	for name, want := range m.params {
		worst = max(worst, relative(got[name], want))
	}
	return worst
}

func relative(got, want []float32) float64 {
	wrong, top := 0.0, 0.0
	for i := range want {
		wrong = max(wrong, math.Abs(float64(got[i])-float64(want[i])))
		top = max(top, math.Abs(float64(want[i])))
	}
	return wrong / top
}

var cases = map[string]struct {
	config  Method
	at      model.Site
	mutants []int
}{
	"LoRA": {
		LoRA{Rank: 3, Alpha: 6, Targets: []string{"down_proj"}},
		model.Site{Layer: 1, At: model.DownProj}, []int{1, 2, 3},
	},
	"LLaMA-Adapter": {
		LLaMAAdapter{Len: 5, Layers: 2, Gate: PerHead, GateActivation: Tanh},
		model.Site{Layer: 1, At: model.Attention}, []int{4, 5, 6},
	},
	"raw gates": {
		LLaMAAdapter{Len: 5, Layers: 2, Gate: PerHead, GateActivation: None},
		model.Site{Layer: 2, At: model.Attention}, []int{5, 6},
	},
	"scalar gates": {
		LLaMAAdapter{Len: 5, Layers: 2, Gate: Scalar, GateActivation: None},
		model.Site{Layer: 2, At: model.Attention}, []int{5, 6},
	},
}

func TestGorgoniaAgreesWithFormulas(t *testing.T) {
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := newModule(t, c.config, c.at)
			m.referee(0)
			require.Less(t, m.difference(t), 2e-6)
			m.referee(0) // a second pass adds to the gradients: nothing may be left over
			clear(m.dx)
			m.referee(0)
			require.Less(t, m.difference(t), 2e-6)
		})
	}
}

func TestBrokenDerivativesAreNoticed(t *testing.T) {
	for name, c := range cases {
		for _, wrong := range c.mutants {
			m := newModule(t, c.config, c.at)
			m.referee(wrong)
			require.Greater(t, m.difference(t), 1e-3, "%s, mutant %d", name, wrong)
		}
	}
}

// The forward pass runs without Gorgonia and must equal Gorgonia's expression.
func TestForwardEqualsGorgonia(t *testing.T) {
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := newModule(t, c.config, c.at)
			y := make([]float32, len(m.dy))
			require.NoError(t, m.delta.Forward(y, m.x, m.b))
			// ⟨dy, y⟩ is linear in B and in V_P: its gradient there, applied to
			// them, is the value itself.
			want := 0.0
			for i, v := range y {
				want += float64(v) * float64(m.dy[i])
			}
			got := 0.0
			m.set.ZeroGrad()
			require.NoError(t, m.delta.Backward(nil, append([]float32(nil), m.dy...), m.x, nil, m.b))
			require.NoError(t, m.set.Finish())
			switch d := m.delta.(type) {
			case *lora:
				for i, v := range d.b.Data {
					got += float64(v) * float64(d.b.Grad[i])
				}
			case *prompt:
				for i, v := range d.v {
					got += float64(v) * float64(d.dv[i])
				}
			}
			require.InEpsilon(t, want, got, 1e-5)
		})
	}
}

func TestTanhIsOnlyTheGatesScale(t *testing.T) {
	// tanh gates and raw gates of the same activated value are the same module.
	a := newModule(t, cases["LLaMA-Adapter"].config, model.Site{Layer: 2, At: model.Attention})
	b := newModule(t, cases["raw gates"].config, model.Site{Layer: 2, At: model.Attention})
	copy(b.delta.(*prompt).c, a.delta.(*prompt).c)
	copy(b.delta.(*prompt).k, a.delta.(*prompt).k)
	copy(b.delta.(*prompt).v, a.delta.(*prompt).v)
	ya, yb := make([]float32, len(a.dy)), make([]float32, len(a.dy))
	require.NoError(t, a.delta.Forward(ya, a.x, a.b))
	require.NoError(t, b.delta.Forward(yb, a.x, b.b))
	require.Equal(t, ya, yb)
}

func TestDropoutIsAFunctionOfItsKey(t *testing.T) {
	c := LoRA{Rank: 3, Alpha: 6, Dropout: 0.25, Targets: []string{"down_proj"}}
	m := newModule(t, c, model.Site{Layer: 1, At: model.DownProj})
	m.b.Train = true
	l := m.delta.(*lora)
	once := append([]float32(nil), l.drop(m.x, m.b)...)
	require.Equal(t, once, l.drop(m.x, m.b))
	zeros := 0
	for i, v := range once {
		if v == 0 {
			zeros++
		} else {
			require.InEpsilon(t, m.x[i]/0.75, v, 1e-6)
		}
	}
	require.InDelta(t, 0.25, float64(zeros)/float64(len(once)), 0.08)
	m.b.Step++
	require.NotEqual(t, once, l.drop(m.x, m.b))
	m.b.Train = false
	require.Equal(t, m.x, l.drop(m.x, m.b))
}
