package model

// The Hugging Face names of the weights outside the blocks.
const (
	embedName = "model.embed_tokens.weight"
	normName  = "model.norm.weight"
	headName  = "lm_head.weight"
)

// What the names of parameters add to those of their modules.
const (
	weightSuffix = ".weight"
	biasSuffix   = ".bias"
)

// WeightName returns the Hugging Face name of the weight of the projection at a site.
func (s Site) WeightName() string { return s.ModuleName() + weightSuffix }

// BiasName returns the Hugging Face name of the bias of the projection at a site, where the architecture has one.
func (s Site) BiasName() string { return s.ModuleName() + biasSuffix }

// TensorShape names one weight of a model, a matrix (out, in) or a vector.
type TensorShape struct {
	Name  string
	Shape []int
	Layer int // −1: the embedding; that of HeadSite: the final norm and the head
}

// Tensors lists the weights of a model: embedding and final norm, then block by block the norms and the projections
// with their biases, and the head unless it is tied to the embedding. Tensors that files fuse stand apart.
func (c *Config) Tensors() []TensorShape {
	all := []TensorShape{{embedName, []int{c.Vocab, c.Hidden}, -1}, {normName, []int{c.Hidden}, c.Layers}}
	for l := range c.Layers {
		for _, p := range c.Arch.norms() {
			all = append(all, TensorShape{c.normName(l, p), []int{c.normWidth(p)}, l})
		}
		for _, p := range Projections() {
			n, k := c.Width(p)
			all = append(all, TensorShape{Site{l, p}.WeightName(), []int{n, k}, l})
			if c.Arch.Biases[p] {
				all = append(all, TensorShape{Site{l, p}.BiasName(), []int{n}, l})
			}
		}
	}
	if !c.Tied {
		all = append(all, c.headTensor())
	}
	return all
}

// Modules lists the weights as Tensors does, with a head even where it is tied.
func (c *Config) Modules() []TensorShape {
	all := c.Tensors()
	if c.Tied {
		all = append(all, c.headTensor())
	}
	return all
}

func (c *Config) headTensor() TensorShape {
	return TensorShape{headName, []int{c.Vocab, c.Hidden}, c.Layers}
}

// Size returns the number of elements.
func (t TensorShape) Size() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Parameters counts the weights.
func (c *Config) Parameters() int {
	n := 0
	for _, t := range c.Tensors() {
		n += t.Size()
	}
	return n
}
