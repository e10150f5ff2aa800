package adapter

import (
	"cmp"
	"fmt"
	"math"

	"fettle/model"
)

// folded is one module of a LoRA whose scale is alpha/rank for an alpha of all modules.
type folded struct {
	at   model.Site
	a, b factor // (r, in), (out, r)
}

// fold writes the modules with one alpha for all: that of the first module whose scale is not zero, or 1. B takes what
// a module's own scale differs by, which is nothing unless alpha_pattern, or rsLoRA with rank_pattern, makes it differ.
func (s *Set) fold(l LoRA) (all []folded, alpha float64, err error) {
	sites, err := l.sites(s.config)
	if err != nil {
		return nil, 0, err
	}
	for _, at := range sites {
		if alpha == 0 {
			alpha = at.alpha
		}
	}
	if alpha == 0 {
		alpha = 1
	}
	alpha = float64(float32(alpha))
	params := s.byName()
	for _, at := range sites {
		one := folded{at.at, paramFactor(params[at.a()]), paramFactor(params[at.b()])}
		if ratio := at.alpha / alpha; float32(ratio) != 1 {
			one.b = one.b.times(ratio)
		}
		all = append(all, one)
	}
	return all, alpha, nil
}

// even is fold with one rank for all modules, the largest: rows of zeros in A and columns of zeros in B fill up the
// others, and B takes the larger divisor. It keeps alpha where all modules have one rank and scale; want, if it is not
// zero, is the alpha to write otherwise.
func (s *Set) even(l LoRA, want float64) (all []folded, rank int, alpha float64, err error) {
	if all, alpha, err = s.fold(l); err != nil {
		return nil, 0, 0, err
	}
	for _, m := range all {
		rank = max(rank, m.a.rows)
	}
	for i, m := range all {
		ratio := float64(rank) / float64(m.a.rows)
		if want != 0 {
			ratio *= alpha / want
		}
		if ratio != 1 {
			all[i].b = m.b.times(ratio)
		}
		all[i].a, all[i].b = all[i].a.padded(rank, m.a.columns), all[i].b.padded(m.b.rows, rank)
	}
	if want != 0 {
		alpha = want
	}
	return all, rank, alpha, nil
}

func paramFactor(p *Param) factor { return factor{p.Shape[0], p.Shape[1], p.Data} }

// times returns the product with a number, rounded once.
func (m factor) times(x float64) factor {
	out := factor{m.rows, m.columns, make([]float32, len(m.data))}
	for i, v := range m.data {
		out.data[i] = float32(x * float64(v))
	}
	return out
}

// padded returns the factor with zeros below and on the right.
func (m factor) padded(rows, columns int) factor {
	if rows == m.rows && columns == m.columns {
		return m
	}
	out := factor{rows, columns, make([]float32, rows*columns)}
	for i := range m.rows {
		copy(out.data[i*columns:], m.data[i*m.columns:][:m.columns])
	}
	return out
}

// effectiveAlpha returns the scale of a module times its rank.
func effectiveAlpha(alpha float64, r int, rs bool) float64 {
	if rs {
		return alpha * math.Sqrt(float64(r))
	}
	return alpha
}

// portable returns the LoRA with one rank, one alpha and the scale alpha/rank, which every reader of PEFT's files
// computes; many pass over use_rslora and patterns. B takes the difference.
func (s *Set) portable(l LoRA) (*Set, error) {
	alpha := l.Alpha
	if alpha == 0 {
		alpha = 1
	}
	all, rank, _, err := s.even(l, alpha)
	if err != nil {
		return nil, err
	}
	plain := l
	plain.Rank, plain.Alpha, plain.RSLoRA, plain.RankPattern, plain.AlphaPattern = rank, alpha, false, nil, nil
	to, err := blank(plain, s.config)
	if err != nil {
		return nil, err
	}
	to.Base, to.along = s.Base, s.along
	from, params := s.byName(), to.byName()
	for name, p := range from {
		if params[name] != nil && len(params[name].Data) == len(p.Data) {
			copy(params[name].Data, p.Data)
		}
	}
	sites, err := l.sites(s.config)
	if err != nil {
		return nil, err
	}
	for i, at := range sites {
		copy(params[at.a()].Data, all[i].a.data)
		copy(params[at.b()].Data, all[i].b.data)
		if p := params[at.bias()]; p != nil {
			copy(p.Data, factor{1, len(p.Data), p.Data}.times(at.alpha/alpha*float64(rank)/float64(at.form.r)).data)
		}
	}
	return to, nil
}

// instead is the way to use an adapter in a program whose form cannot hold it.
const instead = "merge the adapter into its base and export the model"

// untied refuses LoRA at the embedding or the head of a tied base, which a form's reader would apply to both.
func (s *Set) untied(all []folded) error {
	for _, m := range all {
		if s.config.Tied && m.at.At >= model.Embed {
			return fmt.Errorf("the adapter has LoRA on %s, and embedding and head of the base are one weight, for which the "+
				"form's readers do not compute it: %s", m.at.At, instead)
		}
	}
	return nil
}

// apart refuses LoRA at parts of a fused weight.
func (s *Set) apart(all []folded) error {
	for _, m := range all {
		if path, _, _ := s.config.FusedModule(m.at); path != "" {
			return fmt.Errorf("the adapter has LoRA on %s, which is a part of a fused weight of the base in the form's "+
				"readers: %s", m.at.At, instead)
		}
	}
	return nil
}

// byPath sorts modules as their names sort in a file.
func byPath(a, b savedModule) int { return cmp.Compare(a.path, b.path) }
