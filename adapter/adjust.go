package adapter

import "slices"

// adjustable is implemented by a method some of whose settings do not determine its parameters.
type adjustable interface {
	// adjusted returns the settings with those of the requested method that a run may choose anew.
	adjusted(requested Method) Method
}

// adjusted takes the requested dropout, and the requested spelling of the same targets.
func (l LoRA) adjusted(requested Method) Method {
	r, ok := requested.(LoRA)
	if !ok {
		return l
	}
	l.Dropout = r.Dropout
	ours, theirs := slices.Clone(l.targets()), slices.Clone(r.targets())
	slices.Sort(ours)
	slices.Sort(theirs)
	if l.TargetRegexp == "" && slices.Equal(ours, theirs) {
		l.Targets = r.Targets
	}
	return l
}

// Set replaces the settings of a method in the table.
func (m *Methods) Set(method Method) {
	m.change(func(old Method) Method {
		if old.Name() == method.Name() {
			return method
		}
		return old
	})
}
