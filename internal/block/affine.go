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
	inverse := float32(f.top) / (high - low)
	d = 1 / inverse
	f.round(q, x, low, inverse)
	best := f.miss(q, x, w, d, low)
	var buffer [32]uint8
	other := buffer[:len(x)]
	for try := range f.tries {
		inverse = (f.first + float32(0.1*float32(try)) + float32(f.top)) / (high - low)
		f.round(other, x, low, inverse)
		var sumQ, sumQQ, sumQX float32
		for i, v := range x {
			n := float32(other[i])
			wq := float32(w[i] * n)
			sumQ += wq
			sumQQ += float32(wq * n)
			sumQX += float32(wq * v)
		}
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
			copy(q, other)
			best, d, low = miss, scale, base
		}
	}
	return d, -low
}

// round computes q = (x − low)·inverse, rounded to the range of q.
func (f fit) round(q []uint8, x []float32, low, inverse float32) {
	for i, v := range x {
		q[i] = uint8(max(0, min(f.top, even(inverse*(v-low)))))
	}
}

// miss returns the weighted error of d·q + low.
func (f fit) miss(q []uint8, x, w []float32, d, low float32) (sum float32) {
	for i, v := range x {
		e := float32(d*float32(q[i])) + low - v
		if f.absolute {
			e = abs(e)
		} else {
			e *= e
		}
		sum += float32(w[i] * e)
	}
	return sum
}

// even rounds x to the nearest whole number, ties to even, by the mantissa of x + 1.5·2²³. It is defined, if
// meaningless, for numbers beyond ±2²².
func even(x float32) int32 {
	const shift = 3 << 22
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
