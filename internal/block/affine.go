package block

import "math"

// fit approximates numbers by d·q − m, with d, m ≥ 0 and whole q from 0 to top.
type fit struct {
	top      int32
	first    float32 // the smallest number of steps to try, less top
	tries    int     // numbers of steps to try, each 0.1 more than the one before
	absolute bool    // minimize Σ w·|error|, not Σ w·error²
}

// find stores the q of x with weights w, all of one length of at most 32, and returns d and m. For each number of steps
// between the smallest element, or 0 if that is less, and the largest, it rounds the elements to steps and takes the d
// and m with the least weighted squares for them; the best of these by the weighted error of its kind wins.
func (f fit) find(q []uint8, x, w []float32) (d, m float32) {
	low, high := x[0], x[0]
	sumW := w[0]
	sumX := float32(w[0] * x[0])
	for i, v := range x[1:] {
		if v < low {
			low = v
		}
		if v > high {
			high = v
		}
		sumW += w[1+i]
		sumX += float32(w[1+i] * v)
	}
	if low > 0 {
		low = 0
	}
	if high == low {
		clear(q)
		return 0, -low
	}
	var buffers [2][32]float32
	found, other := buffers[0][:len(x)], buffers[1][:len(x)]
	inverse := float32(f.top) / (high - low)
	d = 1 / inverse
	f.round(found, x, w, low, inverse)
	best := f.miss(found, x, w, d, low)
	for try := range f.tries {
		inverse = (f.first + float32(0.1*float32(try)) + float32(f.top)) / (high - low)
		sumQ, sumQQ, sumQX := f.round(other, x, w, low, inverse)
		det := float32(sumW*sumQQ) - float32(sumQ*sumQ)
		if !(det > 0) {
			continue
		}
		scale := (float32(sumW*sumQX) - float32(sumX*sumQ)) / det
		base := (float32(sumQQ*sumX) - float32(sumQ*sumQX)) / det
		if base > 0 {
			scale, base = sumQX/sumQQ, 0
		}
		if miss := f.miss(other, x, w, scale, base); miss < best {
			best, d, low = miss, scale, base
			found, other = other, found
		}
	}
	for i, n := range found {
		q[i] = uint8(n)
	}
	return d, -low
}

// round computes q = (x − low)·inverse, rounded to the range of q, and returns the sums of w·q, w·q² and w·q·x. All q
// are 0 where the inverse of a subnormal difference is infinite.
func (f fit) round(q, x, w []float32, low, inverse float32) (sumQ, sumQQ, sumQX float32) {
	if inverse > math.MaxFloat32 {
		inverse = 0
	}
	q, w = q[:len(x)], w[:len(x)]
	top := float32(f.top)
	for i, v := range x {
		n := float32(float32(inverse*(v-low))+shift) - shift
		if n > top {
			n = top
		}
		if !(n > 0) { // or no number
			n = 0
		}
		q[i] = n
		wq := float32(w[i] * n)
		sumQ += wq
		sumQQ += float32(wq * n)
		sumQX += float32(wq * v)
	}
	return sumQ, sumQQ, sumQX
}

// miss returns the weighted error of d·q + low.
func (f fit) miss(q, x, w []float32, d, low float32) (sum float32) {
	q, w = q[:len(x)], w[:len(x)]
	if f.absolute {
		for i, v := range x {
			sum += float32(w[i] * abs(float32(d*q[i])+low-v))
		}
		return sum
	}
	for i, v := range x {
		e := float32(d*q[i]) + low - v
		sum += float32(w[i] * float32(e*e))
	}
	return sum
}

// shift is 1.5·2²³: x + shift is x rounded to a whole number, ties to even, beside it, for x up to 2²².
const shift = 3 << 22

// even rounds x to the nearest whole number, ties to even. It is defined, if meaningless, for numbers beyond ±2²².
func even(x float32) int32 {
	return int32(math.Float32bits(x+shift)&(1<<23-1)) - 1<<22
}

// settle computes q = (x + m)/d, rounded to 0…top, for the d and m that a block holds; where d is 0, q stays.
func settle(q []uint8, x []float32, d, m float32, top int32) {
	if d == 0 {
		return
	}
	for i, v := range x {
		q[i] = uint8(max(0, min(top, even((v+m)/d))))
	}
}
