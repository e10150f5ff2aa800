package block

// symmetric holds fits of x ≈ d·q, with q from −32 to 31, of eight parts of 16 elements. Element i of part p is at
// [i][p].
type symmetric struct {
	x, q, other      [16][lanes]float32
	extreme, d, gain [lanes]float32 // the element of the largest magnitude; the best d, and what it takes off the error
	steps            float32        // to try, as the extreme's q
}

// scan stores q + 32 for eight parts and returns their d. It rounds to steps of which the element of the largest
// magnitude is −32, and −31.1 to −32.9, takes the d with the least squared error, weighed by x², for each, and of these
// the best. Of a part that counts as zeros, d is 0.
func scan(q []uint8, x []float32) []float32 {
	var s symmetric
	for p := range lanes {
		part := x[p*16:][:16]
		for i, v := range part {
			s.x[i][p] = v
		}
		s.extreme[p], s.gain[p] = extreme(part), -1
	}
	s.steps = -32
	s.try()
	for try := -9; try <= 9; try++ {
		if try != 0 {
			s.steps = -(32 + float32(0.1*float32(try)))
			s.try()
		}
	}
	for p := range lanes {
		if abs(s.extreme[p]) < tiny {
			s.d[p] = 0
			clear(q[p*16:][:16])
			continue
		}
		for i := range 16 {
			q[p*16+i] = uint8(s.q[i][p] + 32)
		}
	}
	return s.d[:]
}

// tryGo tries a number of steps for all parts; scanAVX2 is its twin.
func (s *symmetric) tryGo() {
	for p := range lanes {
		inverse := s.steps / s.extreme[p]
		var sumQX, sumQQ float32 // of x²·q·x and x²·q²
		for i := range s.x {
			v := s.x[i][p]
			n := float32(float32(inverse*v)+shift) - shift
			if !(n > -32) { // or no number
				n = -32
			}
			if n > 31 {
				n = 31
			}
			s.other[i][p] = n
			w := float32(v * v)
			sumQX += float32(float32(w*v) * n)
			sumQQ += float32(float32(w*n) * n)
		}
		if !(sumQQ > 0 && float32(sumQX*sumQX) > float32(s.gain[p]*sumQQ)) {
			continue
		}
		s.d[p] = sumQX / sumQQ
		s.gain[p] = s.d[p] * sumQX
		for i := range s.q {
			s.q[i][p] = s.other[i][p]
		}
	}
}
