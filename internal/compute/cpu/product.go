package cpu

// The shape of a register tile and the length of a block of the reduction.
const (
	tileRows = 14  // at most
	panel    = 32  // columns
	depth    = 512 // elements of the reduction between two visits of C
)

// product is C (m, n) += A (m, k)·B (k, n). A is packed whole, in tiles of
// rows; B in panels of 32 columns, one block of depth at a time.
type product struct {
	m, n, k int

	// packA writes a[p·rows + r] = A[i+r, p] for p < k.
	packA func(a []float32, i, rows int)

	// packB writes b[p·32 + c] = B[p0+p, j+c] for p < depth, zero where j+c ≥ n.
	packB func(b []float32, j, p0, depth int)

	c   []float32
	ldc int
}

// run computes the product, parallel over panels.
func (d *device) run(g product) {
	if g.m == 0 || g.n == 0 || g.k == 0 {
		return
	}
	tiles := (g.m + tileRows - 1) / tileRows
	start := func(t int) int { return t * g.m / tiles } // tiles differ by one row at most
	a := d.free.get(g.m * g.k)
	defer d.free.put(a)
	d.each(tiles, func(t int) {
		lo, hi := start(t), start(t+1)
		g.packA(a[lo*g.k:hi*g.k], lo, hi-lo)
	})

	panels := (g.n + panel - 1) / panel
	d.each(panels, func(item int) {
		j := item * panel
		b := d.free.get(depth * panel)
		defer d.free.put(b)
		edge := d.free.get(tileRows * panel)
		defer d.free.put(edge)
		for p := 0; p < g.k; p += depth {
			kc := min(depth, g.k-p)
			g.packB(b, j, p, kc)
			for t := range tiles {
				lo, hi := start(t), start(t+1)
				rows := hi - lo
				a := a[lo*g.k+p*rows:][:kc*rows]
				c := g.c[lo*g.ldc+j:]
				if j+panel <= g.n {
					tileF32(c, g.ldc, a, b, rows, kc)
					continue
				}
				copyRows(edge, panel, c, g.ldc, rows, g.n-j)
				tileF32(edge, panel, a, b, rows, kc)
				copyRows(c, g.ldc, edge, panel, rows, g.n-j)
			}
		}
	})
}

// copyRows copies a (rows, cols) rectangle.
func copyRows(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	for i := range rows {
		copy(dst[i*ldd:][:cols], src[i*lds:][:cols])
	}
}

// packRows packs rows of a row-major matrix as the A of a product.
func packRows(a, x []float32, ld, i, rows, k int) {
	for r := range rows {
		for p, v := range x[(i+r)*ld:][:k] {
			a[p*rows+r] = v
		}
	}
}
