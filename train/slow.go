package train

// slowness watches for ranks that the others wait for.
type slowness struct {
	steps           int       // the first one warms up
	tokens, seconds []float64 // by rank, over the steps so far
	said            []bool
}

// A rank is slow after some steps at less than a part of the others' mean speed.
const (
	slowAfter = 5
	slowPart  = 0.7
)

// see adds a step, and tells of each rank that turns out slow, once.
func (s *slowness) see(tokens []int, seconds []float64, tell func(rank int, speed, others float64)) {
	n := len(tokens)
	if s.tokens == nil {
		s.tokens, s.seconds, s.said = make([]float64, n), make([]float64, n), make([]bool, n)
	}
	if s.steps++; s.steps == 1 {
		return
	}
	for r := range n {
		s.tokens[r], s.seconds[r] = s.tokens[r]+float64(tokens[r]), s.seconds[r]+seconds[r]
	}
	if s.steps < slowAfter {
		return
	}
	for r := range n {
		others := 0.0
		for q := range n {
			if q != r {
				others += s.speed(q) / float64(n-1)
			}
		}
		if speed := s.speed(r); !s.said[r] && n > 1 && speed < slowPart*others {
			s.said[r] = true
			tell(r, speed, others)
		}
	}
}

// speed returns a rank's tokens a second.
func (s *slowness) speed(rank int) float64 { return s.tokens[rank] / max(s.seconds[rank], 1e-9) }
