package cpu

// tileF32 computes, for i < rows and j < 32, in ascending p,
//
//	c[i·ldc+j] += Σ_p a[p·rows+i]·b[p·32+j]
func tileF32(c []float32, ldc int, a, b []float32, rows, depth int) {
	i := 0
	for ; i+2 <= rows; i += 2 {
		for j := 0; j < panel; j += 4 {
			tile2x4(c[i*ldc+j:], ldc, a[i:], rows, b[j:], depth)
		}
	}
	if i < rows {
		for j := 0; j < panel; j += 4 {
			tile1x4(c[i*ldc+j:], a[i:], rows, b[j:], depth)
		}
	}
}

// The conversions around the products forbid fusing them into the sums, which
// would make the bits depend on the machine.

func tile2x4(c []float32, ldc int, a []float32, lda int, b []float32, depth int) {
	u, v := c[:4:4], c[ldc:][:4:4]
	u0, u1, u2, u3 := u[0], u[1], u[2], u[3]
	v0, v1, v2, v3 := v[0], v[1], v[2], v[3]
	for p := range depth {
		a, b := a[p*lda:][:2:2], b[p*panel:][:4:4]
		x, y := a[0], a[1]
		u0 += float32(x * b[0])
		u1 += float32(x * b[1])
		u2 += float32(x * b[2])
		u3 += float32(x * b[3])
		v0 += float32(y * b[0])
		v1 += float32(y * b[1])
		v2 += float32(y * b[2])
		v3 += float32(y * b[3])
	}
	u[0], u[1], u[2], u[3] = u0, u1, u2, u3
	v[0], v[1], v[2], v[3] = v0, v1, v2, v3
}

func tile1x4(c, a []float32, lda int, b []float32, depth int) {
	u := c[:4:4]
	u0, u1, u2, u3 := u[0], u[1], u[2], u[3]
	for p := range depth {
		x, b := a[p*lda], b[p*panel:][:4:4]
		u0 += float32(x * b[0])
		u1 += float32(x * b[1])
		u2 += float32(x * b[2])
		u3 += float32(x * b[3])
	}
	u[0], u[1], u[2], u[3] = u0, u1, u2, u3
}
