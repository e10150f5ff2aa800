package kernel

import "math"

// The plain twins of the elementwise kernels. All slices of a call have the length of the first.

func exp32(x float32) float32 { return float32(math.Exp(float64(x))) }

func sigmoid(x float32) float32 { return 1 / (1 + exp32(-x)) }

// sumGo: y = a + b.
func sumGo(y, a, b []float32) {
	a, b = a[:len(y)], b[:len(y)]
	for i := range y {
		y[i] = a[i] + b[i]
	}
}

// addGo: y += x.
func addGo(y, x []float32) {
	for i, v := range x[:len(y)] {
		y[i] += v
	}
}

// multiplyGo: y *= x.
func multiplyGo(y, x []float32) {
	for i, v := range x[:len(y)] {
		y[i] *= v
	}
}

// scaleGo: x *= a.
func scaleGo(x []float32, a float32) {
	for i := range x {
		x[i] *= a
	}
}

// topGo returns max x, −∞ if there is none.
func topGo(x []float32) float32 {
	top := float32(math.Inf(-1))
	for _, v := range x {
		if v > top {
			top = v
		}
	}
	return top
}

// finiteGo returns Σ x−x: zero if all of x is finite, else NaN.
func finiteGo(x []float32) (zero float32) {
	for _, v := range x {
		zero += v - v
	}
	return zero
}

// expSumGo computes x = exp(x−top) and returns their sum, NaN if one is NaN.
func expSumGo(x []float32, top float32) (sum float64) {
	for i, v := range x {
		x[i] = exp32(v - top)
		sum += float64(x[i])
	}
	return sum
}

// dotGo returns Σ x·y.
func dotGo(x, y []float32) (sum float64) {
	var s0, s1, s2, s3 float64
	y = y[:len(x)]
	i := 0
	for ; i+4 <= len(x); i += 4 {
		s0 += float64(float64(x[i]) * float64(y[i]))
		s1 += float64(float64(x[i+1]) * float64(y[i+1]))
		s2 += float64(float64(x[i+2]) * float64(y[i+2]))
		s3 += float64(float64(x[i+3]) * float64(y[i+3]))
	}
	for ; i < len(x); i++ {
		s0 += float64(float64(x[i]) * float64(y[i]))
	}
	return (s0 + s2) + (s1 + s3)
}

// dot3Go returns Σ x·y·z.
func dot3Go(x, y, z []float32) (sum float64) {
	y, z = y[:len(x)], z[:len(x)]
	for i, v := range x {
		sum += float64(float64(v) * float64(y[i]) * float64(z[i]))
	}
	return sum
}

// normGo: y = x·r·w.
func normGo(y, x, w []float32, r float32) {
	x, w = x[:len(y)], w[:len(y)]
	for i, v := range x {
		y[i] = v * r * w[i]
	}
}

// normBackGo: dx += r·dy·w − x·r3.
func normBackGo(dx, dy, x, w []float32, r, r3 float32) {
	dy, x, w = dy[:len(dx)], x[:len(dx)], w[:len(dx)]
	for i, v := range dy {
		dx[i] += float32(r*v*w[i]) - float32(x[i]*r3)
	}
}

// softmaxBackGo: ds = p·(ds−delta)·scale.
func softmaxBackGo(ds, p []float32, delta, scale float32) {
	for i, v := range p[:len(ds)] {
		ds[i] = v * scale * (ds[i] - delta)
	}
}

// rotateGo: (x, y) → (x·cos − y·s, y·cos + x·s) with s = sign·sin.
func rotateGo(x, y, cos, sin []float32, sign float32) {
	y, cos, sin = y[:len(x)], cos[:len(x)], sin[:len(x)]
	for i, c := range cos {
		s := sign * sin[i]
		x[i], y[i] = float32(x[i]*c)-float32(y[i]*s), float32(y[i]*c)+float32(x[i]*s)
	}
}

// swigluGo: y = gate·σ(gate)·up.
func swigluGo(y, gate, up []float32) {
	gate, up = gate[:len(y)], up[:len(y)]
	for i, g := range gate {
		y[i] = g * sigmoid(g) * up[i]
	}
}

// swigluBackGo: dgate = dy·up·σ·(1 + gate·(1−σ)), dup = dy·gate·σ.
func swigluBackGo(dgate, dup, dy, gate, up []float32) {
	dup, dy, gate, up = dup[:len(dgate)], dy[:len(dgate)], gate[:len(dgate)], up[:len(dgate)]
	for i, g := range gate {
		s := sigmoid(g)
		dgate[i] = dy[i] * up[i] * s * (1 + float32(g*(1-s)))
		dup[i] = dy[i] * float32(g*s)
	}
}
