package cpu

// A strip is half of a block of a panel: 16 columns of as many steps, without
// gaps. It stays near while all rows pass over it in small tiles, whose A comes
// from further away. Half of a panel as it lies would take every other line
// only, and so find room in half of the first cache.

// stripGroup is how many rows pass over a strip between two pieces of the panels
// that come next.
const stripGroup = 6 * smallRows

// inStrips is whether n rows are enough to pay for parting panels.
func (d *device) inStrips(n int) bool { return d.stripRows > 0 && n >= d.stripRows }

// passStrips passes all tiles over both strips of panel p of now, which is b and
// parted first if it is a panel still.
func (w *panelWork) passStrips(now, next *batch, p int, b []float32, at layout) {
	if at.half == smallCols {
		at.half = now.steps * smallCols
		w.part(&pack{dst: w.strip, ldd: at.half, src: b, lds: at.ld, cols: now.steps})
		b = w.strip
	}
	groups, j := (w.n+stripGroup-1)/stripGroup, (now.j+p)*panel
	for h := 0; h < 2 && j < w.cols; h++ {
		w.t.b, w.t.ldb, w.t.cols = b[h*at.half:], smallCols, min(smallCols, w.cols-j)
		for g := range groups {
			r := g * stripGroup
			w.t.rows, w.t.lda = min(stripGroup, w.n-r), min(smallRows, w.n-r)
			w.t.a = w.a[now.s0*w.n+r*now.steps:]
			w.t.c = w.c[(w.lo+r)*w.ldc+j:]
			w.t.next = w.prefetchPart(next, (2*p+h)*groups+g, 2*now.count*groups)
			w.stripF32(&w.t)
			w.layOutNext(next)
		}
		j += smallCols
	}
}

// stripF32Go is tileF32 for at most 16 columns and any number of rows. They lie
// in tiles, one after the other: of six rows, and of those that are left.
func stripF32Go(t *tile) {
	for r := 0; r < t.rows; r += smallRows {
		small := t.ofStrip(r)
		tileF32Go(&small)
	}
}

// ofStrip is the tile of row r.
func (t *tile) ofStrip(r int) tile {
	small := *t
	small.rows = min(smallRows, t.rows-r)
	small.lda = small.rows
	small.a, small.c = t.a[r*t.steps:], t.c[r*t.ldc:]
	return small
}
