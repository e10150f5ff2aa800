package model

import (
	"math"
	"sync"
)

// rope tabulates the cosines and sines of RoPE's angles p·inverse[j] for positions p up to the largest requested so
// far. Su et al. 2021, arXiv:2104.09864.
type rope struct {
	inverse []float64 // (R/2) inverse frequencies of the R elements of a head that are rotated
	factor  float64   // of cosines and sines
	dynamic *Config   // nil: the frequencies do not depend on the length of a sequence

	mu       sync.Mutex
	cos, sin []float32 // (positions, R/2)
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
	r := &rope{inverse: make([]float64, c.rotary()/2), factor: c.RopeScaling.attention()}
	for j := range r.inverse {
		r.inverse[j] = c.RopeScaling.scale(c, frequency(c, j), j)
	}
	if c.DynamicRope() {
		own := *c
		r.dynamic = &own
	}
	return r
}

// table returns cosines and sines (positions, R/2) of at least n positions.
func (r *rope) table(n int) (cos, sin []float32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	half := len(r.inverse)
	if have := len(r.cos) / half; have < n {
		n = max(n, 2*have)
		for p := have; p < n; p++ {
			r.cos, r.sin = appendAngles(r.cos, r.sin, p, r.inverse, r.factor)
		}
	}
	return r.cos, r.sin
}

// appendAngles appends factor times the cosines and sines of position p.
func appendAngles(cos, sin []float32, p int, inverse []float64, factor float64) (cosines, sines []float32) {
	for _, f := range inverse {
		s, c := math.Sincos(float64(p) * f)
		cos, sin = append(cos, float32(c*factor)), append(sin, float32(s*factor))
	}
	return cos, sin
}

// angles returns the tables, and the row of them that each row of a batch is rotated by. Where frequencies depend on
// the length, that is a whole sequence's length in a forward pass; in decoding, where the keys of earlier tokens are
// cached, a token is rotated as the last one of its sequence.
func (r *rope) angles(b *Batch, decoding bool) (at []int32, cos, sin []float32) {
	if !r.stretches(b) {
		cos, sin = r.table(b.positions())
		return b.Positions, cos, sin
	}
	original := r.dynamic.RopeScaling.OriginalMaxPositions
	for _, s := range b.Segments {
		inverse, n := r.inverse, s.Past+s.Len
		if !decoding && n > original {
			inverse = stretched(r.dynamic, n)
		}
		for i := s.Row; i < s.Row+s.Len; i++ {
			p := int(b.Positions[i])
			if decoding && p >= original {
				inverse = stretched(r.dynamic, p+1)
			}
			at = append(at, int32(i))
			cos, sin = appendAngles(cos, sin, p, inverse, r.factor)
		}
	}
	return at, cos, sin
}

// stretches reports whether sequences of a batch are longer than the positions of pre-training.
func (r *rope) stretches(b *Batch) bool {
	return r.dynamic != nil && b.positions() > r.dynamic.RopeScaling.OriginalMaxPositions
}
