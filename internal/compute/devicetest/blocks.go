package devicetest

import (
	"encoding/binary"
	"fmt"
	"slices"

	"fettle/internal/compute"
)

// blocks has the places of the halves in a block, its scales, and the largest product of codes with them; all other
// bytes may have any value.
var blocks = map[compute.DType]struct {
	halves []int
	most   float64
}{
	compute.Q4_0: {[]int{0}, 8}, compute.Q4_1: {[]int{0, 2}, 15}, compute.Q5_0: {[]int{0}, 16},
	compute.Q5_1: {[]int{0, 2}, 31}, compute.Q8_0: {[]int{0}, 128},
	compute.Q2_K: {[]int{80, 82}, 15 * 3}, compute.Q3_K: {[]int{108}, 32 * 4}, compute.Q4_K: {[]int{0, 2}, 63 * 15},
	compute.Q5_K: {[]int{0, 2}, 63 * 31}, compute.Q6_K: {[]int{208}, 128 * 32},
	compute.IQ4_NL: {[]int{0}, 127}, compute.IQ4_XS: {[]int{0}, 32 * 127},
}

// Halves returns the places of the halves in a block of type t.
func Halves(t compute.DType) []int { return blocks[t].halves }

// Drawn returns an (n, k) matrix of seeded draws of type t, k rounded up to whole blocks.
func Drawn(seed uint64, n, k int, t compute.DType) *compute.Matrix {
	return newSource(seed).matrix(n, whole(k, t), t)
}

// blocks returns an (n, k) matrix of random blocks, of moderate size, scales of either sign.
func (s source) blocks(n, k int, t compute.DType) *compute.Matrix {
	b, _ := t.Block()
	raw := make([]byte, t.Bytes(n, k))
	for i := range raw {
		raw[i] = byte(s.Uint32())
	}
	for at := 0; at < len(raw); at += b.Bytes {
		for _, i := range blocks[t].halves {
			binary.LittleEndian.PutUint16(raw[at+i:], half(float32(2*s.NormFloat64()/blocks[t].most)))
		}
	}
	w, err := compute.NewMatrix("test", n, k, t, raw)
	if err != nil {
		panic(err)
	}
	return w
}

// reordered returns the matrix whose rows lie in another order than those of w.
func (s source) reordered(w *compute.Matrix) *compute.Matrix {
	c := *w
	c.Order = make([]int32, w.N)
	for i, o := range s.Perm(w.N) {
		c.Order[i] = int32(o)
	}
	return &c
}

// whole returns the smallest width of whole blocks that is at least k.
func whole(k int, t compute.DType) int {
	b, ok := t.Block()
	if !ok {
		return k
	}
	return (k + b.Elements - 1) / b.Elements * b.Elements
}

// orders: rows in another order than as they lie, of every type that is stored so.
func orders() (cases []Case) {
	for i, typ := range types {
		if slices.Contains([]compute.DType{compute.Int8, compute.NF4}, typ) {
			continue
		}
		for _, s := range [][2]int{{1, 1}, {70, 65}, {2100, 8}} {
			src := newSource(uint64(8000 + i))
			n, k, m := s[0], whole(s[1], typ), 5
			if n*k > 100_000 {
				continue // long; narrow types cut a head into blocks too
			}
			w := src.reordered(src.matrix(n, k, typ))
			x, dy, dx := src.normal(m*k), src.normal(m*n), src.normal(m*k)
			tokens, scale := src.tokens(m, n), src.normal(m)
			for _, ready := range []bool{false, true} {
				name := fmt.Sprintf("order %v (%d,%d) prepared=%v", typ, n, k, ready)
				cases = append(cases, Case{name, Loss, func(dev compute.Device) [][]float32 {
					w := w
					if ready {
						w = prepared(dev, w)
					}
					y, one, dx, dloss := make([]float32, m*n), make([]float32, n), clone(dx), clone(dx)
					e, loss := make([]float32, m*k), make([]float64, m)
					dev.MatMul(y, x, w, m)
					dev.MatMul(one, x, w, 1)
					dev.MatMulT(dx, dy, w, m)
					dev.Embed(e, w, tokens)
					dev.CrossEntropy(loss, dloss, x, w, tokens, scale, m)
					return [][]float32{y, one, dx, e, narrow(loss), dloss}
				}})
			}
		}
	}
	return cases
}
