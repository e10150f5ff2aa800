package adapter

import (
	"fmt"
	"reflect"
	"strings"

	"fettle/internal/rng"
	"fettle/model"
)

// Methods is the table of all methods. Its fields' settings are part of a run's configuration; finetuning_type selects
// one by its name.
type Methods struct {
	LoRA         `yaml:",inline"`
	LLaMAAdapter `yaml:",inline"`
	Full         `yaml:",inline"`

	TrainedTokens `yaml:",inline"`
}

// Method is one way of tuning; its fields are its settings.
type Method interface {
	// Name returns its value of finetuning_type.
	Name() string

	// Check returns an error where the settings are wrong for a model of these dimensions.
	Check(*model.Config) error

	// Params lists the parameters. Counting, initializing, planning, loading and saving use this list alone.
	Params(*model.Config) ([]Spec, error)

	// Deltas puts the method on the sites of a model. A delta that implements part gets its calls.
	Deltas(*model.Model, Params) (map[model.Site]model.Delta, error)

	// Scratch returns the bytes that the deltas take beside the parameters, for batches of up to n rows whose sequences
	// have up to longest, and with so many partial sums of a step's gradients beside the gradients themselves.
	Scratch(c *model.Config, n, longest, sums int) int64

	defaults() Method

	// peftTypes lists the values of peft_type in adapter_config.json that stand for the method.
	peftTypes() []string

	// encode returns the settings as adapter_config.json has them, decode reads them; nil for a method without that
	// file.
	encode() map[string]any
	decode(*configKeys) (Method, error)
}

// Spec describes one array of parameters.
type Spec struct {
	Name   string     // in files, as PEFT writes it
	Site   model.Site // where it acts; the lowest, of several
	Shape  []int
	Init   func(k rng.Key, i int) float32 // element i, drawn by a key; nil: zero
	Frozen bool                           // saved but not trained
	Weight string                         // the base's weight that it replaces, whose values it begins with; "": none
	Also   string                         // another name under which it is saved, as that of a tied head
	Echo   string                         // another name that files may have for the same values; it is not written
	Head   bool                           // it takes part in the head's products
}

// Size counts the elements.
func (s Spec) Size() int {
	n := 1
	for _, d := range s.Shape {
		n *= d
	}
	return n
}

// Count sums up the elements that are trained.
func Count(specs []Spec) int {
	n := 0
	for _, s := range specs {
		if !s.Frozen {
			n += s.Size()
		}
	}
	return n
}

// Lowest returns the lowest layer in which something is trained, −1 for the embedding.
func Lowest(specs []Spec) int {
	lowest, any := 0, false
	for _, s := range specs {
		if !s.Frozen && (!any || s.Site.Layer < lowest) {
			lowest, any = s.Site.Layer, true
		}
	}
	return lowest
}

// All lists the methods with their settings.
func (m Methods) All() []Method {
	var all []Method
	v := reflect.ValueOf(m)
	for i := range v.NumField() {
		all = append(all, v.Field(i).Interface().(Method))
	}
	return all
}

// Names lists the values of finetuning_type.
func Names() []string {
	var names []string
	for _, m := range (Methods{}).All() {
		names = append(names, m.Name())
	}
	return names
}

// Find returns the method of a name, with its settings.
func (m Methods) Find(name string) (Method, error) {
	for _, method := range m.All() {
		if method.Name() == name {
			return method, nil
		}
	}
	return nil, fmt.Errorf("finetuning_type is %q, want %s", name, strings.Join(Names(), ", "))
}

// Defaults returns the table with the default settings.
func Defaults() Methods {
	var m Methods
	m.change(Method.defaults)
	return m
}

// resolver is a method with a setting whose default depends on the model.
type resolver interface {
	resolve(*model.Config) Method
}

// Resolve fills in the settings whose defaults depend on the model.
func (m *Methods) Resolve(c *model.Config) {
	m.change(func(method Method) Method { return Resolved(method, c) })
}

// Resolved returns a method with the settings filled in whose defaults depend on the model.
func Resolved(m Method, c *model.Config) Method {
	if r, ok := m.(resolver); ok {
		return r.resolve(c)
	}
	return m
}

// reshaper is a method that adapts a model of other dimensions than the base's, made of the base's weights.
type reshaper interface {
	shape(*model.Config) *model.Config
	order() []int // the base's layer at every layer; nil: each at its own
	on(*model.Model) (*model.Model, error)
}

// Shape returns the dimensions of the model that a method adapts.
func Shape(m Method, c *model.Config) *model.Config {
	if r, ok := m.(reshaper); ok {
		return r.shape(c)
	}
	return c
}

// change replaces every method.
func (m *Methods) change(f func(Method) Method) {
	v := reflect.ValueOf(m).Elem()
	for i, method := range m.All() {
		v.Field(i).Set(reflect.ValueOf(f(method)))
	}
}

// Readers says, for people, whether PEFT can read what a method saves, where that depends on its settings or
// the base; else "".
func Readers(m Method, c *model.Config, dir string) string {
	if f, ok := m.(interface {
		readers(c *model.Config, dir string) string
	}); ok {
		return f.readers(c, dir)
	}
	return ""
}

// Dropout returns the probability with which a method drops inputs; zero for those that drop none, and for none at all.
func Dropout(m Method) float64 {
	if d, ok := m.(interface{ dropout() float64 }); ok {
		return d.dropout()
	}
	return 0
}
