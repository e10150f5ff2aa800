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
	"fettle/internal/rng"
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
	form    loraForm
	dropout float64
	graphs  *graphs

	dropped, u []float32
}

// loraForm is y = s·x·Aᵀ·Bᵀ with A (r, in) and B (out, r).
type loraForm struct {
	in, out, r int
	s          float32
}

// buildLoRA puts a module on every target.
func (s *Set) buildLoRA() error {
	c := s.config
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
			form := loraForm{w.K, w.N, r, loraScale(alpha, r, c.RSLoRA)}
			d := &lora{
				dev: s.model.Device(), site: at, form: form, dropout: c.Dropout, graphs: &s.graphs,
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

// derive has Gorgonia differentiate y = s·x·Aᵀ·Bᵀ with respect to A, B and, for modules below, x.
func (l loraForm) derive(e engine, n int, below bool) (*graph, error) {
	leaves := []leaf{{"x", tensor.Shape{n, l.in}}, {"A", tensor.Shape{l.r, l.in}}, {"B", tensor.Shape{l.out, l.r}}}
	wrt := []int{1, 2}
	if below {
		wrt = append(wrt, 0)
	}
	return derive(e, leaves, wrt, func(in []*G.Node) (*G.Node, error) {
		var f formula
		u := f.scale(f.mul(in[0], f.transpose(in[1])), l.s)
		return f.mul(u, f.transpose(in[2])), f.err
	})
}

// Forward adds the module's output, on the device.
func (l *lora) Forward(y, x []float32, b *model.Batch) error {
	in, out, n := l.a.Shape[1], l.b.Shape[0], len(b.Tokens)
	x = l.drop(x, b)
	u := room(&l.u, n*l.form.r)
	l.dev.Gemm(false, true, n, l.form.r, in, l.form.s, x, in, l.a.Data, in, 0, u, l.form.r)
	l.dev.Gemm(false, true, n, out, l.form.r, 1, u, l.form.r, l.b.Data, l.form.r, 1, y, out)
	return nil
}

// Backward runs Gorgonia's graph sequence by sequence and adds up the gradients of A and B in that order, so that sums
// do not depend on how the sequences are packed.
func (l *lora) Backward(dx, dy, x, _ []float32, b *model.Batch) error {
	in, out := l.a.Shape[1], l.b.Shape[0]
	x = l.drop(x, b)
	for i, s := range b.Segments {
		g, err := l.graphs.of(l.form, s.Len, dx != nil)
		if err != nil {
			return err
		}
		lo, hi := s.Row, s.Row+s.Len
		grads, err := g.run(x[lo*in:hi*in], l.a.Data, l.b.Data, dy[lo*out:hi*out])
		if err != nil {
			return err
		}
		l.dev.Add(l.a.Grad, grads[0])
		l.dev.Add(l.b.Grad, grads[1])
		if dx != nil {
			l.mask(grads[2], b, i)
			l.dev.Add(dx[lo*in:hi*in], grads[2])
		}
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
	l.dev.Copy(dropped, x)
	for i, s := range b.Segments {
		l.mask(dropped[s.Row*in:][:s.Len*in], b, i)
	}
	return dropped
}

// mask applies dropout to the rows of segment i, of which it is its own derivative. Which elements are zeroed is a
// function of the run's seed, the step, the sequence, the site and the element alone.
func (l *lora) mask(rows []float32, b *model.Batch, i int) {
	if l.dropout == 0 || !b.Train {
		return
	}
	s := b.Segments[i]
	key := rng.Stream(b.Seed, b.Step, b.Samples[i], uint64(l.site.Layer), uint64(l.site.At))
	l.dev.Dropout(rows, l.a.Shape[1], b.Positions[s.Row:][:s.Len], l.dropout, key)
}

// room is (*s)[:n], allocated anew where s is too small.
func room(s *[]float32, n int) []float32 {
	if cap(*s) < n {
		*s = make([]float32, n)
	}
	*s = (*s)[:n]
	return *s
}
