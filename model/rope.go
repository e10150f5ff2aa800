package model

import (
	"math"
	"sync"
)

// rope tabulates the cosines and sines of RoPE's angles p·inverse[j] for positions p up to the largest requested so
// far. Su et al. 2021, arXiv:2104.09864.
type rope struct {
	inverse []float64 // (Dh/2) inverse frequencies

	mu       sync.Mutex
	cos, sin []float32 // (positions, Dh/2)
}

// newRopes makes the tables of the rotations that the layers have; none for NoRope.
func newRopes(c *Config) map[Rotation]*rope {
	all := map[Rotation]*rope{GlobalRope: newRope(c)}
	if c.Arch.LocalTheta > 0 {
		local := *c
		local.RopeTheta, local.RopeScaling = c.Arch.LocalTheta, nil
		all[LocalRope] = newRope(&local)
	}
	return all
}

func newRope(c *Config) *rope {
	r := &rope{inverse: make([]float64, c.rotary()/2)}
	for j := range r.inverse {
		r.inverse[j] = scaled(frequency(c, j), j, c.RopeScaling)
	}
	return r
}

// angles returns the tables, and the row of them that each row of a batch is rotated by.
func (r *rope) angles(b *Batch, decoding bool) (at []int32, cos, sin []float32) {
	cos, sin = r.table(b.positions())
	return b.Positions, cos, sin
}

// frequency returns inverse frequency j before scaling.
func frequency(c *Config, j int) float64 {
	return math.Pow(c.RopeTheta, -2*float64(j)/float64(c.rotary()))
}

// scaled divides inverse frequency j, f, by the factor, in part: linear scaling always, llama3 only where the
// wavelength 2π/f exceeds original/low; it keeps f below original/high and interpolates in between. Type divisors has a
// divisor for each.
func scaled(f float64, j int, s *RopeScaling) float64 {
	switch {
	case s == nil:
		return f
	case s.Type == "linear":
		return f / s.Factor
	case s.Type == ropeDivisors:
		return f / s.Divisors[j]
	}
	cycles := float64(s.OriginalMaxPositions) * f / (2 * math.Pi) // within the original positions
	smooth := min(max((cycles-s.LowFreq)/(s.HighFreq-s.LowFreq), 0), 1)
	return (1-smooth)*f/s.Factor + smooth*f
}

// table returns cosines and sines (positions, Dh/2) of at least n positions.
func (r *rope) table(n int) (cos, sin []float32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	half := len(r.inverse)
	if have := len(r.cos) / half; have < n {
		n = max(n, 2*have)
		for p := have; p < n; p++ {
			for _, f := range r.inverse {
				s, c := math.Sincos(float64(p) * f)
				r.cos, r.sin = append(r.cos, float32(c)), append(r.sin, float32(s))
			}
		}
	}
	return r.cos, r.sin
}
