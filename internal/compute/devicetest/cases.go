package devicetest

import (
	"fmt"
	"slices"

	"fettle/internal/compute"
)

// Cases lists all calls the suite makes.
func Cases() []Case {
	return concat(
		allProducts(), nf4Products(0, 1, 2, 4, 5, 7, 15), orders(), gemms(), segmentGemms(), elementwise(), softmaxes(),
		norms(), ropes(), attentions(), losses(), rowOperations(), normWeights(), logits(), optimizers(),
	)
}

func concat(lists ...[]Case) (all []Case) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// Quick lists some of the cases, among them calls of every kernel of every level: for a check of a machine in a
// fraction of a second for each device.
func Quick() []Case {
	return concat(
		products([][2]int{{33, 65}, {70, 1100}, {1100, 70}}, 1, 3, 15), products([][2]int{{33, 40}}, 100),
		nf4Products(1, 3, 15),
		every(9, orders()), every(5, gemms()), segmentGemms(), elementwise(), softmaxes(), norms(), ropes(),
		every(11, attentions()), losses(), rowOperations(), normWeights(), logits(), optimizers(),
	)
}

// every returns each n-th of the cases.
func every(n int, all []Case) (some []Case) {
	for i := 0; i < len(all); i += n {
		some = append(some, all[i])
	}
	return some
}

// allProducts: every tail of rows, columns and reduction.
func allProducts() []Case {
	return products([][2]int{
		{1, 1}, {1, 2}, {2, 3}, {3, 1}, {5, 7}, {16, 16}, {17, 31}, {32, 32}, {33, 65}, {48, 64},
		{100, 130}, {31, 600}, {70, 1100}, {1100, 70},
	}, 0, 1, 2, 3, 5, 8, 13, 14, 15, 29)
}

// nf4Products: rows of whole runs, which codes have kernels for, of whole blocks and not, of more than one stretch.
func nf4Products(rows ...int) []Case {
	return productsOf([]compute.DType{compute.NF4}, [][2]int{{1, 32}, {33, 96}, {70, 1120}, {300, 64}}, rows...)
}

// products of matrices of these shapes, of every type.
func products(shapes [][2]int, rows ...int) []Case { return productsOf(types, shapes, rows...) }

// productsOf matrices of these shapes and types, with these numbers of rows, with and without Prepare; widths are
// rounded up to whole blocks.
func productsOf(types []compute.DType, shapes [][2]int, rows ...int) (cases []Case) {
	seed := uint64(0)
	for _, s := range shapes {
		for _, typ := range types {
			seed++
			src := newSource(seed)
			n, k := s[0], whole(s[1], typ)
			_, blocks := typ.Block()
			if blocks && !slices.Contains([]int{1, 33, 70}, n) {
				continue // fewer shapes suffice where widths are whole blocks
			}
			w := src.matrix(n, k, typ)
			for _, m := range rows {
				if (n*k > 20000 || blocks) && m > 3 && m != 15 {
					continue // big shapes with a few numbers of rows suffice
				}
				x, dy, dx := src.normal(m*k), src.normal(m*n), src.normal(m*k)
				for _, ready := range []bool{false, true} {
					name := fmt.Sprintf("products %v (%d,%d) n=%d prepared=%v", typ, n, k, m, ready)
					cases = append(cases, Case{name, Product, func(dev compute.Device) [][]float32 {
						w := w
						if ready {
							w = prepared(dev, w)
						}
						y, dx := make([]float32, m*n), clone(dx)
						for i := range y {
							y[i] = 99 // must be overwritten
						}
						dev.MatMul(y, x, w, m)
						dev.MatMulT(dx, dy, w, m)
						return [][]float32{y, dx}
					}})
				}
			}
			tokens := src.tokens(9, n)
			name := fmt.Sprintf("embed %v (%d,%d)", typ, n, k)
			cases = append(cases, Case{name, Product, func(dev compute.Device) [][]float32 {
				y, z := make([]float32, 9*k), make([]float32, 9*k)
				dev.Embed(y, w, tokens)
				dev.Embed(z, prepared(dev, w), tokens)
				return [][]float32{y, z}
			}})
		}
	}
	return cases
}

// gemms: both transpositions, thin and square shapes, padded leading
// dimensions, beta 0 over garbage, 1 and other.
func gemms() (cases []Case) {
	shapes := [][3]int{
		{1, 1, 1}, {2, 3, 4}, {5, 1, 9}, {1, 8, 33}, {17, 8, 64}, {8, 40, 17}, {64, 4, 100}, {33, 33, 33},
		{4, 130, 20}, {15, 65, 520}, {3, 3, 0}, {0, 3, 3},
	}
	for i, s := range shapes {
		m, n, k := s[0], s[1], s[2]
		for _, pad := range []int{0, 3} {
			for trans := range 4 {
				transA, transB := trans&1 != 0, trans&2 != 0
				src := newSource(uint64(1000 + i))
				lda, ldb, ldc := k+pad, n+pad, n+pad
				if transA {
					lda = m + pad
				}
				if transB {
					ldb = k + pad
				}
				a, b := src.normal((max(m, k)+1)*max(lda, 1)), src.normal((max(n, k)+1)*max(ldb, 1))
				c := src.normal((m + 1) * ldc)
				for _, f := range [][2]float32{{1, 0}, {1, 1}, {-0.5, 0.25}} {
					name := fmt.Sprintf("gemm %v%v m=%d n=%d k=%d pad=%d alpha=%g beta=%g",
						transA, transB, m, n, k, pad, f[0], f[1])
					cases = append(cases, Case{name, Exact, func(dev compute.Device) [][]float32 {
						c := clone(c)
						dev.Gemm(transA, transB, m, n, k, f[0], a, lda, b, ldb, f[1], c, ldc)
						return [][]float32{c}
					}})
				}
			}
		}
	}
	return cases
}

// segmentGemms: sequences of every length, none and one row among them, into
// blocks that lie apart.
func segmentGemms() (cases []Case) {
	segs := []compute.Segment{{Len: 3}, {Row: 3, Len: 1}, {Row: 4}, {Row: 4, Len: 40}}
	for i, s := range [][2]int{{1, 1}, {8, 33}, {33, 8}, {5, 70}} {
		src, m, n := newSource(uint64(1500+i)), s[0], s[1]
		lda, ldb, ldc, stride := m+2, n+1, n+3, m*(n+3)+5
		a, b, c := src.normal(44*lda), src.normal(44*ldb), src.normal(len(segs)*stride)
		for _, beta := range []float32{0, 1} {
			name := fmt.Sprintf("gemm by segment m=%d n=%d beta=%g", m, n, beta)
			cases = append(cases, Case{name, Exact, func(dev compute.Device) [][]float32 {
				c := clone(c)
				dev.GemmBySegment(segs, m, n, 0.5, a, lda, b, ldb, beta, c, ldc, stride)
				return [][]float32{c}
			}})
		}
	}
	return cases
}

func softmaxes() (cases []Case) {
	for i, width := range []int{1, 2, 7, 8, 10, 16, 33, 300} {
		src := newSource(uint64(2500 + i))
		x, dy, dx := src.normal(5*width), src.normal(5*width), src.normal(5*width)
		for j := range x {
			x[j] *= 5
		}
		name := fmt.Sprintf("softmax width=%d", width)
		cases = append(cases, Case{name, Exact, func(dev compute.Device) [][]float32 {
			p, dx := clone(x), clone(dx)
			dev.Softmax(p, width)
			dev.SoftmaxBackward(dx, dy, p, width)
			return [][]float32{p, dx}
		}})
	}
	return cases
}

func elementwise() (cases []Case) {
	for _, n := range []int{0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 63, 100, 257, 20000} {
		src := newSource(uint64(2000 + n))
		x, y, z, u, v := src.normal(n), src.normal(n), src.normal(n), src.normal(n), src.normal(n)
		for i := range x {
			x[i] *= 10 // reach both flat ends of silu
		}
		name := fmt.Sprintf("gated units, caps and sums n=%d", n)
		cases = append(cases, Case{name, Exact, func(dev compute.Device) [][]float32 {
			out, same, sum := make([]float32, n), clone(x), clone(y)
			dev.SwiGLU(out, x, y)
			dev.SwiGLU(same, same, y)
			dev.Add(sum, z)
			total := make([]float32, n)
			dev.Sum(total, x, z)
			dx, dy := clone(u), clone(v)
			dev.SwiGLUBackward(dx, dy, z, x, y)
			gelu, inPlace, dg, du := make([]float32, n), clone(x), clone(u), clone(v)
			dev.GeGLU(gelu, x, y)
			dev.GeGLU(inPlace, inPlace, y)
			dev.GeGLUBackward(dg, du, z, x, y)
			capped, dc := clone(x), clone(u)
			dev.SoftCap(capped, 7)
			dev.SoftCapBackward(dc, capped, 7)
			rows := clone(u)
			dev.AddRow(rows[:n/3*3], z[:n/3])
			return [][]float32{out, same, sum, dx, dy, gelu, inPlace, dg, du, capped, dc, rows, total}
		}})
	}
	return cases
}

func norms() (cases []Case) {
	for _, d := range []int{1, 2, 3, 7, 16, 33, 64, 100, 288, 2048} {
		for _, n := range []int{0, 1, 3, 18} {
			src := newSource(uint64(3000 + d))
			x, w, dy, dx := src.normal(n*d), src.normal(d), src.normal(n*d), src.normal(n*d)
			name := fmt.Sprintf("rmsnorm d=%d n=%d", d, n)
			cases = append(cases, Case{name, Exact, func(dev compute.Device) [][]float32 {
				y, same, dx := make([]float32, n*d), clone(x), clone(dx)
				dev.RMSNorm(y, x, w, n, 1e-5)
				dev.RMSNorm(same, same, w, n, 1e-5)
				dev.RMSNormBackward(dx, dy, x, w, n, 1e-5)
				return [][]float32{y, same, dx}
			}})
		}
	}
	return cases
}

func ropes() (cases []Case) {
	for _, s := range [][4]int{
		{0, 1, 2, 2}, {1, 1, 2, 2}, {3, 2, 6, 6}, {5, 4, 8, 8}, {18, 3, 64, 64}, {40, 8, 128, 128}, {7, 3, 10, 4},
		{9, 2, 96, 72},
	} {
		n, h, dh, rotary := s[0], s[1], s[2], s[3]
		src := newSource(uint64(4000 + n))
		x, cos, sin := src.normal(n*h*dh), src.normal(50*rotary/2), src.normal(50*rotary/2)
		pos := src.tokens(n, 50)
		name := fmt.Sprintf("rope n=%d heads=%d dh=%d rotary=%d", n, h, dh, rotary)
		cases = append(cases, Case{name, Exact, func(dev compute.Device) [][]float32 {
			forth, back := clone(x), clone(x)
			dev.Rope(forth, n, h, dh, rotary, pos, cos, sin, false)
			dev.Rope(back, n, h, dh, rotary, pos, cos, sin, true)
			return [][]float32{forth, back}
		}})
	}
	return cases
}

func losses() (cases []Case) {
	for _, s := range [][3]int{{0, 5, 3}, {1, 1, 1}, {1, 2, 1}, {3, 7, 5}, {17, 100, 33}, {40, 333, 16}, {9, 5000, 8}} {
		n, v, k := s[0], s[1], s[2]
		src := newSource(uint64(5000 + n))
		w := src.matrix(v, k, compute.F32)
		x, dx, scale, target := src.normal(n*k), src.normal(n*k), src.normal(n), src.tokens(n, v)
		name := fmt.Sprintf("cross entropy n=%d v=%d k=%d", n, v, k)
		cases = append(cases, Case{name, Loss, func(dev compute.Device) [][]float32 {
			loss, again, dx := make([]float64, n), make([]float64, n), clone(dx)
			dev.CrossEntropy(loss, nil, x, w, target, scale, n)
			dev.CrossEntropy(again, dx, x, w, target, scale, n)
			return [][]float32{narrow(loss), narrow(again), dx}
		}})
	}
	return cases
}

func narrow(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}
