package block

import "math"

// fit approximates the numbers of each part of a block by d·q − m, with d, m ≥ 0 and whole q from 0 to top.
type fit struct {
	top      float32
	first    float32 // the smallest number of steps to try, less top
	tries    int     // numbers of steps to try, each 0.1 more than the one before
	absolute bool    // minimize Σ w·|error|, not Σ w·error²
}

// lanes is how many parts are fitted at once.
const lanes = 8

// affine holds the fits of eight parts of n elements. Element i of part p is at [i][p].
type affine struct {
	x, w, q, other [32][lanes]float32
	low, high      [lanes]float32 // the smallest and the largest number; low becomes −m
	sumW, sumX     [lanes]float32 // of w and of w·x
	d, miss        [lanes]float32 // the best d, and the weighted error with it
	n              int
	steps, top     float32 // to try between low and high; the largest q
	absolute       uint32  // all ones: errors count by magnitude
}

// find stores the q of eight parts of equal length and returns their d and m. For each number of steps between a part's
// smallest element, or 0 if that is less, and the largest, it rounds the elements to steps and takes the d and m with
// the least weighted squares for them; the best of these by the weighted error of its kind wins.
func (f fit) find(q []uint8, x, w []float32) (d, m [lanes]float32) {
	a := affine{n: len(x) / lanes, top: f.top, steps: f.top}
	if f.absolute {
		a.absolute = math.MaxUint32
	}
	for p := range lanes {
		for i := range a.n {
			a.x[i][p], a.w[i][p] = x[p*a.n+i], w[p*a.n+i]
		}
		a.begin(p)
	}
	for try := range f.tries {
		a.steps = f.first + float32(0.1*float32(try)) + f.top
		a.try()
	}
	for p := range lanes {
		for i := range a.n {
			q[p*a.n+i] = uint8(a.q[i][p])
		}
		m[p] = -a.low[p]
	}
	return a.d, m
}

// begin sums up part p and spreads the steps from its smallest to its largest element.
func (a *affine) begin(p int) {
	v, w := a.x[0][p], a.w[0][p]
	low, high, sumW, sumX := v, v, w, float32(w*v)
	for i := 1; i < a.n; i++ {
		v, w = a.x[i][p], a.w[i][p]
		if v < low {
			low = v
		}
		if v > high {
			high = v
		}
		sumW += w
		sumX += float32(w * v)
	}
	if low > 0 {
		low = 0
	}
	a.low[p], a.high[p], a.sumW[p], a.sumX[p] = low, high, sumW, sumX
	a.d[p] = 1 / (a.top / (high - low))
	a.round(p, &a.q)
	a.miss[p] = a.error(p, &a.q, a.d[p], low)
}

// tryGo tries a number of steps for all parts; tryAVX2 is its twin.
func (a *affine) tryGo() {
	for p := range lanes {
		sumQ, sumQQ, sumQX := a.round(p, &a.other)
		sumW, sumX := a.sumW[p], a.sumX[p]
		det := float32(sumW*sumQQ) - float32(sumQ*sumQ)
		if !(det > 0) {
			continue
		}
		d := (float32(sumW*sumQX) - float32(sumX*sumQ)) / det
		low := (float32(sumQQ*sumX) - float32(sumQ*sumQX)) / det
		if low > 0 {
			d, low = sumQX/sumQQ, 0
		}
		miss := a.error(p, &a.other, d, low)
		if !(miss < a.miss[p]) {
			continue
		}
		a.d[p], a.low[p], a.miss[p] = d, low, miss
		for i := range a.n {
			a.q[i][p] = a.other[i][p]
		}
	}
}

// shift is 1.5·2²³: x + shift is x rounded to a whole number, ties to even, beside it, for x up to 2²².
const shift = 3 << 22

// round computes q = (x − low)·steps/(high − low), rounded to the range of q, and returns the sums of w·q, w·q² and
// w·q·x. All q are 0 where the difference is 0, or so small that its inverse is infinite.
func (a *affine) round(p int, q *[32][lanes]float32) (sumQ, sumQQ, sumQX float32) {
	low := a.low[p]
	inverse := a.steps / (a.high[p] - low)
	if inverse > math.MaxFloat32 {
		inverse = 0
	}
	for i := range a.n {
		v := a.x[i][p]
		n := float32(float32(inverse*(v-low))+shift) - shift
		if !(n > 0) { // or no number
			n = 0
		}
		if n > a.top {
			n = a.top
		}
		q[i][p] = n
		wq := float32(a.w[i][p] * n)
		sumQ += wq
		sumQQ += float32(wq * n)
		sumQX += float32(wq * v)
	}
	return sumQ, sumQQ, sumQX
}

// error returns the weighted error of d·q + low.
func (a *affine) error(p int, q *[32][lanes]float32, d, low float32) (sum float32) {
	for i := range a.n {
		e := abs(float32(d*q[i][p]) + low - a.x[i][p])
		if a.absolute == 0 {
			e = float32(e * e)
		}
		sum += float32(a.w[i][p] * e)
	}
	return sum
}

// settle computes q = (x + m)/d, rounded to 0…top, for the d and m that a block holds; where d is 0, q stays.
func settle(q []uint8, x []float32, d, m, top float32) {
	m = float32(m) // a product, to be rounded before the sum
	if d == 0 {
		return
	}
	for i, v := range x {
		q[i] = uint8(max(0, min(int32(top), even((v+m)/d))))
	}
}

// even rounds x to the nearest whole number, ties to even. It is defined, if meaningless, for numbers beyond ±2²².
func even(x float32) int32 {
	return int32(math.Float32bits(float32(x)+shift)&(1<<23-1)) - 1<<22
}
