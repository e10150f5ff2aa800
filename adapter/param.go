package adapter

// Param is a trainable array with its gradient.
type Param struct {
	Name  string // the tensor's name in the saved file
	Shape []int
	Data  []float32
	Grad  []float32 // same length; accumulated over a step, zeroed by Set.ZeroGrad
}

// Params finds parameters by name.
type Params map[string]*Param

func newParams(specs []Spec) Params {
	all := Params{}
	for _, s := range specs {
		n := s.Size()
		all[s.Name] = &Param{Name: s.Name, Shape: s.Shape, Data: make([]float32, n), Grad: make([]float32, n)}
	}
	return all
}
