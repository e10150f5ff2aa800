package adapter

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"fettle/internal/checkpoint"
	"fettle/internal/rng"
	"fettle/model"
)

// Set is one adapter: a method's parameters, and the deltas it puts on the sites of a model. It serves one goroutine at
// a time.
type Set struct {
	Base string // the base's name or path, for people

	method Method
	config *model.Config // the dimensions of the base
	model  *model.Model  // without the adapter; nil where it is on none
	view   *model.Model  // with the weights that the adapter replaces
	deltas map[model.Site]model.Delta
	params []*Param // sorted by name
	frozen []*Param // saved, but not trained
	along  []checkpoint.Tensor
	also   map[string]string // by parameter, another name that it is saved under
	echo   map[string]string // by parameter, another name that files may have for it
	parts  []part
	sums   []*sum
}

// part has state that depends on the parameters, or completes their gradients.
type part interface {
	finish()        // after the last backward pass of a step
	refresh() error // after the parameters have changed
}

// unfrozen makes a part of the model's weights.
type unfrozen struct{ *model.Unfrozen }

func (u unfrozen) finish()        { u.Finish() }
func (u unfrozen) refresh() error { return u.Refresh() }

// New makes an adapter with initial values drawn by a seed. It does not change the model's outputs yet.
func New(method Method, m *model.Model, seed uint64) (*Set, error) {
	s, err := build(method, m)
	if err != nil {
		return nil, err
	}
	specs, err := s.method.Params(m.Config())
	if err != nil {
		return nil, err
	}
	params := s.byName()
	for _, spec := range specs {
		if spec.Init != nil {
			key, data := rng.Stream(seed, rng.Name(spec.Name)), params[spec.Name].Data
			for i := range data {
				data[i] = spec.Init(key, i)
			}
		}
	}
	return s, s.Refresh()
}

// build makes an adapter whose parameters are zero, or the model's own.
func build(method Method, m *model.Model) (*Set, error) {
	s := &Set{method: Resolved(method, m.Config()), config: m.Config()}
	if err := s.method.Check(m.Config()); err != nil {
		return nil, fmt.Errorf("adapter: %w", err)
	}
	if r, ok := s.method.(reshaper); ok {
		var err error
		if m, err = r.on(m); err != nil {
			return nil, fmt.Errorf("adapter: %w", err)
		}
	}
	s.model, s.view = m, m
	specs, err := s.method.Params(m.Config())
	if err != nil {
		return nil, fmt.Errorf("adapter: %w", err)
	}
	params, err := s.newParams(specs)
	if err != nil {
		return nil, fmt.Errorf("adapter: %w", err)
	}
	if s.deltas, err = s.method.Deltas(m, params); err != nil {
		return nil, fmt.Errorf("adapter: %w", err)
	}
	s.list(specs, params)
	for _, at := range s.sites() {
		if p, ok := s.deltas[at].(part); ok {
			s.parts = append(s.parts, p)
		}
		if d, ok := s.deltas[at].(summing); ok {
			s.sums = append(s.sums, d.sums()...)
		}
	}
	return s, nil
}

// list sorts the parameters into those that are trained and those that are not.
func (s *Set) list(specs []Spec, params Params) {
	s.also, s.echo = map[string]string{}, map[string]string{}
	for _, spec := range specs {
		if spec.Also != "" {
			s.also[spec.Name] = spec.Also
		}
		if spec.Echo != "" {
			s.echo[spec.Name] = spec.Echo
		}
		if p := params[spec.Name]; spec.Frozen {
			s.frozen = append(s.frozen, p)
		} else {
			s.params = append(s.params, p)
		}
	}
	slices.SortFunc(s.params, func(a, b *Param) int { return strings.Compare(a.Name, b.Name) })
}

// newParams makes the parameters, and the view with the weights of the base that are among them. Where they are all of
// its weights, the base itself is changed, which saves the memory of another.
func (s *Set) newParams(specs []Spec) (Params, error) {
	all, weights := Params{}, map[string]Spec{}
	for _, spec := range specs {
		if spec.Weight != "" {
			weights[spec.Weight] = spec
			continue
		}
		n := spec.Size()
		all[spec.Name] = &Param{Name: spec.Name, Shape: spec.Shape, Data: make([]float32, n), Grad: make([]float32, n)}
	}
	if len(weights) == 0 {
		return all, nil
	}
	if c := s.model.Config(); len(weights) < len(c.Tensors()) {
		s.view = s.model.Own()
		if m, ok := s.method.(interface{ unties(*model.Config) bool }); ok && m.unties(c) {
			s.view.Untie()
		}
	}
	u, err := s.view.Unfreeze(slices.Sorted(maps.Keys(weights)))
	if err != nil {
		return nil, err
	}
	for _, w := range u.Weights() {
		name := weights[w.Name].Name
		all[name] = &Param{name, w.Shape, w.Data, w.Grad}
	}
	s.parts = append(s.parts, unfrozen{u})
	return all, nil
}

// sites lists the sites with a delta, from below.
func (s *Set) sites() []model.Site {
	return slices.SortedFunc(maps.Keys(s.deltas), func(a, b model.Site) int {
		if a.Layer != b.Layer {
			return a.Layer - b.Layer
		}
		return int(a.At) - int(b.At)
	})
}

// Method returns the method with its settings.
func (s *Set) Method() Method { return s.method }

// Model returns a view of the model with the adapter: with its deltas, and its own weights in the place of the base's.
func (s *Set) Model() *model.Model { return s.view.With(s.Delta) }

// Bare returns a view of the model without the adapter.
func (s *Set) Bare() *model.Model { return s.model.With(nil) }

// Delta returns the adapter's delta at a site, nil for none, as the argument of model.Model.With.
func (s *Set) Delta(at model.Site) model.Delta { return s.deltas[at] }

// Params lists the trained parameters, sorted by name.
func (s *Set) Params() []*Param { return s.params }

// byName finds all parameters.
func (s *Set) byName() Params {
	all := Params{}
	for _, p := range slices.Concat(s.params, s.frozen) {
		all[p.Name] = p
	}
	return all
}

// Size counts the trainable parameters.
func (s *Set) Size() int {
	n := 0
	for _, p := range s.params {
		n += len(p.Data)
	}
	return n
}

// ZeroGrad begins a step.
func (s *Set) ZeroGrad() { s.Begin(0) }

// Begin begins a step, or the part of it that begins with a sequence.
func (s *Set) Begin(first int) {
	for _, p := range s.params {
		s.model.Device().Zero(p.Grad)
	}
	for _, sum := range s.sums {
		sum.begin(first)
	}
}

// Finish completes the gradients after the last backward pass of a step.
func (s *Set) Finish() error {
	for _, sum := range s.sums {
		sum.total()
	}
	for _, p := range s.parts {
		p.finish()
	}
	return nil
}

// Refresh recomputes the state derived from the parameters; it must be called whenever they have changed.
func (s *Set) Refresh() error {
	for _, p := range s.parts {
		if err := p.refresh(); err != nil {
			return err
		}
	}
	return nil
}

// Gates lists the gates of a LLaMA-Adapter after their activation, by layer from the lowest adapted one; nil for other
// methods.
func (s *Set) Gates() [][]float32 {
	var all [][]float32
	for _, at := range s.sites() {
		if p, ok := s.deltas[at].(*prompt); ok {
			all = append(all, slices.Clone(p.c))
		}
	}
	return all
}
