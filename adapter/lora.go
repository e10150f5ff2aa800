package adapter

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"fettle/internal/compute"
	"fettle/model"
)

// peft is what PEFT puts before the base's own module names.
const peft = "base_model.model."

// lora is y += s·dropout(x)·Aᵀ·Bᵀ at one projection. Hu et al. 2021,
// arXiv:2106.09685.
type lora struct {
	dev     compute.Device
	site    model.Site
	a, b    *Param // (r, in), (out, r)
	r       int
	s       float32
	dropout float64
	graphs  *graphs // shared by modules of the same shape

	dropped, u []float32
}

// loraShape tells which modules can share their graphs.
type loraShape struct {
	in, out, r int
	s          float32
}

// buildLoRA puts a module on every target.
func (s *Set) buildLoRA() error {
	c, shared := s.config, map[loraShape]*graphs{}
	hit := map[string]bool{}
	for layer := range s.model.Config().Layers {
		for _, p := range model.Places() {
			at := model.Site{Layer: layer, At: p}
			if p == model.Attention || !c.targets(at, hit) {
				continue
			}
			w := s.model.Weight(at)
			r, alpha, err := c.rank(at)
			if err != nil {
				return err
			}
			shape := loraShape{w.K, w.N, r, loraScale(alpha, r, c.RSLoRA)}
			if shared[shape] == nil {
				shared[shape] = loraGraphs(shape)
			}
			d := &lora{
				dev: s.model.Device(), site: at, r: r, s: shape.s, dropout: c.Dropout, graphs: shared[shape],
				a: newParam(peft+at.ModuleName()+".lora_A.weight", r, w.K),
				b: newParam(peft+at.ModuleName()+".lora_B.weight", w.N, r),
			}
			s.deltas[at] = d
			s.params = append(s.params, d.a, d.b)
		}
	}
	for _, t := range c.Targets {
		if !hit[t] {
			return fmt.Errorf("adapter: lora_target %q names no module of the base", t)
		}
	}
	if len(s.deltas) == 0 {
		return fmt.Errorf("adapter: lora_target matches no module of the base")
	}
	return nil
}

// targets reports whether a site is adapted, and marks which target said so.
func (c Config) targets(at model.Site, hit map[string]bool) bool {
	if c.OnlyLayers != nil && !slices.Contains(c.OnlyLayers, at.Layer) {
		return false
	}
	path := at.ModuleName()
	if c.TargetRegexp != "" {
		ok, err := regexp.MatchString(`\A(?:`+c.TargetRegexp+`)\z`, path)
		return ok && err == nil
	}
	for _, t := range c.Targets {
		if path == t || strings.HasSuffix(path, "."+t) {
			hit[t] = true
			return true
		}
	}
	return false
}

// rank is the rank and alpha of a site, by the patterns of the config.
func (c Config) rank(at model.Site) (int, float64, error) {
	r, alpha := c.R, c.Alpha
	matches := func(pattern string) (bool, error) {
		return regexp.MatchString(`\A(?:.*\.)?(?:`+pattern+`)\z`, at.ModuleName())
	}
	for pattern, v := range c.RankPattern {
		if ok, err := matches(pattern); err != nil {
			return 0, 0, fmt.Errorf("adapter: rank_pattern %q: %w", pattern, err)
		} else if ok {
			r = v
		}
	}
	for pattern, v := range c.AlphaPattern {
		if ok, err := matches(pattern); err != nil {
			return 0, 0, fmt.Errorf("adapter: alpha_pattern %q: %w", pattern, err)
		} else if ok {
			alpha = v
		}
	}
	if r < 1 {
		return 0, 0, fmt.Errorf("adapter: rank %d at %v, want 1 or more", r, at)
	}
	return r, alpha, nil
}

func loraScale(alpha float64, r int, rs bool) float32 {
	if rs {
		return float32(alpha / math.Sqrt(float64(r)))
	}
	return float32(alpha / float64(r))
}

// loraGraphs differentiates y = (s·x·Aᵀ)·Bᵀ with respect to A, B and x.
func loraGraphs(l loraShape) *graphs {
	return &graphs{build: func(g *graph, size graphSize) (*vjp, error) {
		inputs := []input{{"x", tensor.Shape{size.rows, l.in}}, {"A", tensor.Shape{l.r, l.in}}, {"B", tensor.Shape{l.out, l.r}}}
		wrt := []int{1, 2}
		if size.below {
			wrt = append(wrt, 0)
		}
		return newVJP(g, inputs, tensor.Shape{size.rows, l.out}, wrt, l.expression)
	}}
}

// expression is the module as Gorgonia sees it.
func (l loraShape) expression(g *graph, in []*G.Node) (*G.Node, error) {
	u, err := g.linear(in[0], in[1], l.s)
	if err != nil {
		return nil, err
	}
	return g.linear(u, in[2], 1)
}

// Forward adds the module's output, on the device.
func (l *lora) Forward(y, x []float32, b *model.Batch) error {
	in, out, n := l.a.Shape[1], l.b.Shape[0], len(b.Tokens)
	x = l.drop(x, b)
	u := room(&l.u, n*l.r)
	l.dev.Gemm(false, true, n, l.r, in, l.s, x, in, l.a.Data, in, 0, u, l.r)
	l.dev.Gemm(false, true, n, out, l.r, 1, u, l.r, l.b.Data, l.r, 1, y, out)
	return nil
}

// Backward plays the Gorgonia graph. The gradients of A and B come sequence by
// sequence and are added in that order, so that sums do not depend on how the
// sequences are packed.
func (l *lora) Backward(dx, dy, x, _ []float32, b *model.Batch) error {
	n := len(b.Tokens)
	v, err := l.graphs.of(b, dx != nil)
	if err != nil {
		return err
	}
	grads, err := v.run(l.dev, b.Segments, l.drop(x, b)[:n*l.a.Shape[1]], l.a.Data, l.b.Data, dy[:n*l.b.Shape[0]])
	if err != nil {
		return err
	}
	addAll(l.dev, l.a.Grad, grads[0])
	addAll(l.dev, l.b.Grad, grads[1])
	if dx != nil {
		for i := range b.Segments {
			l.mask(grads[2], b, i)
		}
		l.dev.Add(dx[:len(grads[2])], grads[2])
	}
	return nil
}

// drop is dropout(x) while training, else x itself.
func (l *lora) drop(x []float32, b *model.Batch) []float32 {
	if l.dropout == 0 || !b.Train {
		return x
	}
	in := l.a.Shape[1]
	dropped := room(&l.dropped, len(b.Tokens)*in)
	copy(dropped, x)
	for i := range b.Segments {
		l.mask(dropped, b, i)
	}
	return dropped
}

// mask zeroes elements of segment i among all rows with probability p and scales the
// others by 1/(1−p). Which ones is a function of the run's seed, the step, the
// sequence, the site and the element alone.
func (l *lora) mask(rows []float32, b *model.Batch, i int) {
	if l.dropout == 0 || !b.Train {
		return
	}
	in, keep := l.a.Shape[1], float32(1/(1-l.dropout))
	r := stream(b.Seed, b.Step, b.Samples[i], uint64(l.site.Layer), uint64(l.site.At))
	for t := range b.Segments[i].Len {
		at := b.Segments[i].Row + t
		position, row := int(b.Positions[at]), rows[at*in:][:in]
		for j := range row {
			if r.uniform(position*in+j) < l.dropout {
				row[j] = 0
			} else {
				row[j] *= keep
			}
		}
	}
}

// room is (*s)[:n], allocated anew where s is too small.
func room(s *[]float32, n int) []float32 {
	if cap(*s) < n {
		*s = make([]float32, n)
	}
	*s = (*s)[:n]
	return *s
}
