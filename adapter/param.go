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
