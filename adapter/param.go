package adapter

// Param is a trainable array with its gradient.
type Param struct {
	Name  string // the tensor's name in the saved file
	Shape []int
	Data  []float32
	Grad  []float32 // same length; accumulated over a step, zeroed by Set.ZeroGrad
}

func newParam(name string, shape ...int) *Param {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return &Param{Name: name, Shape: shape, Data: make([]float32, n), Grad: make([]float32, n)}
}
