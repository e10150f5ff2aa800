package devicetest

import (
	"fmt"
	"math"

	"fettle/internal/compute"
)

// rowsStandAlone requires the same bits however the rows of a batch are cut.
func rowsStandAlone(dev compute.Device) error {
	const n, vocab, heads, dh = 37, 75, 53, 10
	src := newSource(7)
	for _, typ := range types {
		k := whole(heads*dh, typ)
		x, dy, dx := src.normal(n*k), src.normal(n*vocab), src.normal(n*k)
		norm, scale, target := src.normal(k), src.normal(n), src.tokens(n, vocab)
		cos, sin, pos := src.normal(20), src.normal(20), src.tokens(n, 4)
		w := prepared(dev, src.matrix(vocab, k, typ))
		all := func(sizes ...int) [][]float32 {
			y, dx, nll := make([]float32, n*vocab), clone(dx), make([]float64, n)
			normed, dnorm, dloss, rotated := make([]float32, n*k), clone(dx), clone(dx), clone(x[:n*heads*dh])
			for lo, i := 0, 0; lo < n; i++ {
				m := min(sizes[i%len(sizes)], n-lo)
				row := func(s []float32, width int) []float32 { return s[lo*width : (lo+m)*width] }
				dev.MatMul(row(y, vocab), row(x, k), w, m)
				dev.MatMulT(row(dx, k), row(dy, vocab), w, m)
				dev.RMSNorm(row(normed, k), row(x, k), norm, m, 1e-6)
				dev.RMSNormBackward(row(dnorm, k), row(dx, k), row(x, k), norm, m, 1e-6)
				dev.CrossEntropy(nll[lo:lo+m], row(dloss, k), row(x, k), w, target[lo:lo+m], scale[lo:lo+m], m)
				dev.Rope(row(rotated, heads*dh), m, heads, dh, dh, pos[lo:lo+m], cos, sin, false)
				lo += m
			}
			return [][]float32{y, dx, normed, dnorm, narrow(nll), dloss, rotated}
		}
		want := all(n)
		splits := [][]int{{1}, {14, 1, 8}, {2}, {3, 5}, {16}, {29}}
		if _, ok := typ.Block(); ok {
			splits = splits[:2]
		}
		for _, sizes := range splits {
			for i, got := range all(sizes...) {
				if err := sameBits(want[i], got, "split"); err != nil {
					return err
				}
			}
		}
	}
	for _, bound := range bounds {
		if err := decodingEqualsPrefill(dev, bound); err != nil {
			return err
		}
		if err := prefixEqualsWhole(dev, bound); err != nil {
			return err
		}
		if err := cachesEqualWhole(dev, bound); err != nil {
			return err
		}
	}
	return nil
}

// decodingEqualsPrefill requires the bits of a whole sequence from its pieces.
func decodingEqualsPrefill(dev compute.Device, a compute.Attention) error {
	const n = 150
	a.Heads, a.KVHeads, a.HeadDim, a.Scale = 4, 2, 24, 0.2
	src := newSource(8)
	q, k, v := src.normal(n*96), src.normal(n*48), src.normal(n*48)
	want := make([]float32, n*96)
	dev.Attend(want, q, k, v, []compute.Segment{{Len: n}}, a)
	for _, size := range []int{1, 7, 64, 100} {
		got := make([]float32, n*96)
		for past := 0; past < n; past += size {
			m := min(size, n-past)
			// Keys not yet computed hold NaN, as uninitialised memory may.
			k, v := clone(k), clone(v)
			for i := (past + m) * 48; i < len(k); i++ {
				k[i], v[i] = float32(math.NaN()), float32(math.NaN())
			}
			dev.Attend(got[past*96:], q[past*96:], k, v, []compute.Segment{{Len: m, Past: past}}, a)
		}
		if err := sameBits(want, got, "decoding"); err != nil {
			return err
		}
	}
	return nil
}

// cachesEqualWhole requires the bits of a whole sequence from a cache that grows piece by piece, with room taken
// beforehand and without, and that held another sequence, of nothing but NaN.
func cachesEqualWhole(dev compute.Device, a compute.Attention) error {
	const n = 150
	a.Heads, a.KVHeads, a.Scale = 4, 2, 0.2
	for _, a.HeadDim = range []int{24, 64} {
		src, kw := newSource(14), 2*a.HeadDim
		q, k, v := src.normal(n*2*kw), src.normal(n*kw), src.normal(n*kw)
		want, other := make([]float32, n*2*kw), make([]float32, n*kw)
		dev.Attend(want, q, k, v, []compute.Segment{{Len: n}}, a)
		for i := range other {
			other[i] = float32(math.NaN())
		}
		for i, size := range []int{1, 7, 64, 100} {
			cache, got := dev.NewCache(a), make([]float32, n*2*kw)
			cache.Reserve(i * 60)
			cache.Append(other, other, 0, 33*i)
			for past := 0; past < n; past += size {
				m := min(size, n-past)
				cache.Append(k[past*kw:], v[past*kw:], past, m)
				dev.AttendCached(got[past*2*kw:], q[past*2*kw:], cache, m, a)
			}
			if err := sameBits(want, got, fmt.Sprintf("cache of pieces of %d, head width %d", size, a.HeadDim)); err != nil {
				return err
			}
		}
	}
	return nil
}

// prefixEqualsWhole requires that sharing a prefix changes no bit of the rows behind it, forward, and that packing
// changes no bit of a gradient.
func prefixEqualsWhole(dev compute.Device, a compute.Attention) error {
	const n, p = 90, 33
	a.Heads, a.KVHeads, a.HeadDim, a.Scale = 4, 2, 24, 0.2
	src := newSource(9)
	q, k, v, dout := src.normal(n*96), src.normal(n*48), src.normal(n*48), src.normal(n*96)
	want, got := make([]float32, n*96), make([]float32, n*96)
	dev.Attend(want, q, k, v, []compute.Segment{{Len: n}}, a)
	dev.Attend(got, q, k, v, []compute.Segment{{Len: p}, {Row: p, Len: n - p, Key: p, PrefixLen: p}}, a)
	if err := sameBits(want, got, "prefix"); err != nil {
		return err
	}

	segs := []compute.Segment{{Len: p}, {Row: p, Len: n - p, Key: p}}
	dev.Attend(want, q, k, v, segs, a)
	grads := func(calls ...[]compute.Segment) [][]float32 {
		dq, dk, dv := make([]float32, n*96), make([]float32, n*48), make([]float32, n*48)
		for _, segs := range calls {
			dev.AttendBackward(dq, dk, dv, dout, want, q, k, v, segs, a)
		}
		return [][]float32{dq, dk, dv}
	}
	packed, single := grads(segs), grads(segs[:1], segs[1:])
	for i := range packed {
		if err := sameBits(packed[i], single[i], "packed gradient"); err != nil {
			return err
		}
	}
	return nil
}

// notFinite requires that NaN and infinities reach all results that depend on them and nothing else.
func notFinite(dev compute.Device) error {
	const n, out = 5, 40
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		src := newSource(10)
		for _, typ := range types {
			k, floats := whole(33, typ), typ <= compute.F16
			x := src.normal(n * k)
			x[2*k+7] = bad
			w := src.matrix(out, k, typ)
			if floats { // NaN and infinities cannot be quantized
				values := src.normal(out * k)
				values[11*k+3] = bad
				w = Matrix(out, k, typ, values)
			}
			w = prepared(dev, w)
			y := make([]float32, n*out)
			dev.MatMul(y, x, w, n)
			for i, v := range y {
				if !finite(v) != (i/out == 2 || floats && i%out == 11) {
					return fmt.Errorf("%v %v: y[%d] = %g", bad, typ, i, v)
				}
			}
			y, dx := make([]float32, n*out), make([]float32, n*k)
			for i := range y {
				y[i] = 0.5
			}
			y[3*out] = bad
			dev.MatMulT(dx, y, w, n)
			for i := range n {
				if !finite(dx[i*k+3]) != (i == 3 || floats) {
					return fmt.Errorf("%v %v: dx[%d,3] = %g", bad, typ, i, dx[i*k+3])
				}
				if !finite(dx[i*k+9]) != (i == 3) {
					return fmt.Errorf("%v %v: dx[%d,9] = %g", bad, typ, i, dx[i*k+9])
				}
			}
		}
		const k = 33
		x, y, w := src.normal(n*k), make([]float32, n*k), src.normal(k)
		x[2*k+7] = bad
		dev.RMSNorm(y, x, w, n, 1e-5)
		for i := range n {
			if !finite(y[i*k+7]) != (i == 2) {
				return fmt.Errorf("%v: rmsnorm row %d", bad, i)
			}
		}
		if err := unseenIsUntouched(dev, bad); err != nil {
			return err
		}
	}
	return nil
}

// unseenIsUntouched requires that a bad key or value spoils only rows that see it.
func unseenIsUntouched(dev compute.Device, bad float32) error {
	const n, at = 70, 40
	for _, window := range []int{0, 7, 29} {
		a := compute.Attention{Heads: 2, KVHeads: 1, HeadDim: 8, Scale: 0.3, Window: window}
		src := newSource(11)
		q, k, v, out := src.normal(n*16), src.normal(n*8), src.normal(n*8), make([]float32, n*16)
		v[at*8] = bad
		cache := dev.NewCache(a)
		cache.Append(k, v, 0, n)
		for _, attend := range []func(){
			func() { dev.Attend(out, q, k, v, []compute.Segment{{Len: n}}, a) },
			func() { dev.AttendCached(out, q, cache, n, a) },
		} {
			attend()
			for i := range n {
				sees := i >= at && (window == 0 || i < at+window)
				if !finite(out[i*16]) != sees {
					return fmt.Errorf("%v: row %d", bad, i)
				}
				if !finite(out[i*16+1]) {
					return fmt.Errorf("%v: row %d", bad, i)
				}
			}
		}
	}
	return nil
}

func finite(v float32) bool { return v-v == 0 }

// shortSlices requires a panic with a constant message on a caller's mistake.
func shortSlices(dev compute.Device) error {
	w := newSource(12).matrix(3, 4, compute.F32)
	x := make([]float32, 100)
	for name, call := range map[string]func(){
		"MatMul":                func() { dev.MatMul(x[:5], x, w, 2) },
		"MatMulT":               func() { dev.MatMulT(x, x[:5], w, 2) },
		"RMSNorm":               func() { dev.RMSNorm(x[:5], x, x[:3], 2, 0) },
		"SwiGLU":                func() { dev.SwiGLU(x[:5], x[:4], x) },
		"Embed":                 func() { dev.Embed(x[:5], w, []int32{0, 1}) },
		"Copy":                  func() { dev.Copy(x[:5], x[:4]) },
		"Gather":                func() { dev.Gather(x[:5], x, []int32{0, 1}, 3) },
		"ScatterAdd":            func() { dev.ScatterAdd(x, x[:5], []int32{0, 1}, 3) },
		"Dropout":               func() { dev.Dropout(x[:5], 3, []int32{0, 1}, 0.5, 1) },
		"RMSNormWeightBackward": func() { dev.RMSNormWeightBackward(x[:3], x[:5], x, 2, 0) },
		"AdamW":                 func() { dev.AdamW(x[:5], x, x[:4], x, compute.AdamWStep{Step: 1}) },
	} {
		if said := panics(call); said != "compute: slice too short" {
			return fmt.Errorf("%s: panics with %v", name, said)
		}
	}
	return nil
}

// panics returns what a call panics with, nil if it does not.
func panics(call func()) (said any) {
	defer func() { said = recover() }()
	call()
	return nil
}
