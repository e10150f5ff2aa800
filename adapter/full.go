package adapter

import "fettle/model"

// TypeFull is the finetuning_type of Full.
const TypeFull = "full"

// Full tunes all weights of the model and has no settings. The model itself is changed: its weights become float32
// arrays. It saves a model directory.
type Full struct{}

// Name returns its finetuning_type.
func (Full) Name() string { return TypeFull }

func (f Full) defaults() Method { return f }

// Check returns nil: there are no settings.
func (Full) Check(*model.Config) error { return nil }

// Params lists the model's weights, which keep their values at first.
func (Full) Params(c *model.Config) ([]Spec, error) {
	var specs []Spec
	for _, t := range c.Tensors() {
		specs = append(specs, Spec{
			Name: t.Name, Site: model.Site{Layer: t.Layer}, Shape: t.Shape, Weight: t.Name,
			Head: t.Name == headName(c) || t.Name == embedName() && c.Tied,
		})
	}
	return specs, nil
}

// Deltas returns none: there is nothing beside the weights.
func (Full) Deltas(*model.Model, Params) (map[model.Site]model.Delta, error) { return nil, nil }

// Scratch returns zero: the model states its own memory.
func (Full) Scratch(*model.Config, int, int, int) int64 { return 0 }

// record leaves the base out: the result does not need it.
func (Full) record(r *Record) { r.Base, r.Fingerprint, r.Content = "", "", "" }

func (Full) peftTypes() []string                  { return nil }
func (Full) encode() map[string]any               { return nil }
func (f Full) decode(*configKeys) (Method, error) { return f, nil }
