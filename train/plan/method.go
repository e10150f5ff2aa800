package plan

import (
	"fettle/adapter"
	"fettle/model"
	"fettle/train"
)

// Trainables counts the trainable parameters of a run: those of the adapter that it continues, if there is one.
func Trainables(c train.Config, m *model.Config) int {
	_, specs := method(c, m)
	return adapter.Count(specs)
}

// method returns the method of a run and its parameters; none where the settings are wrong, which train.Config.Method
// and Method.Check report.
func method(c train.Config, m *model.Config) (adapter.Method, []adapter.Spec) {
	c.Resolve(m)
	method, err := c.Method()
	if err != nil {
		return adapter.Full{}, nil
	}
	if method = adapter.Resolved(method, m); method.Check(m) != nil {
		return adapter.Full{}, nil
	}
	specs, _ := method.Params(m)
	return method, specs
}
