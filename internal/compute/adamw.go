package compute

// AdamWStep holds the settings of one update of AdamW.
type AdamWStep struct {
	Rate, Factor         float64 // learning rate; factor of the gradients
	Beta1, Beta2         float64
	Epsilon, WeightDecay float64
	Step                 int // t, counted from 1
}
