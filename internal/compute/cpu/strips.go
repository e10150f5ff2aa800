package cpu

import "fettle/internal/compute/cpu/kernel"

// A strip is half of a block of a panel: 16 columns of as many steps, without gaps. It stays near while all rows pass
// over it in small tiles, whose A comes from further away. Half of a panel as it lies would take every other line
// only, and so find room in half of the first cache.

// stripGroup is the number of rows that pass over a strip between two pieces of the panels that come next.
const stripGroup = 6 * kernel.SmallRows

// groups returns how many groups of rows pass over a strip.
func (w *panelWork) groups() int { return upTo(w.n, stripGroup) }

// inStrips reports whether n rows are enough to pay for splitting panels.
func (d *device) inStrips(n int) bool { return d.core.StripRows > 0 && n >= d.core.StripRows }

// passStrips passes all tiles over both strips of panel p of now, whose words b are split first if they are a panel
// still.
func (w *panelWork) passStrips(now, next *batch, p int, b []kernel.Word, at layout) {
	if at.half == kernel.SmallCols {
		at.half = w.steps * kernel.SmallCols
		w.pack(w.core.Part, kernel.Pack{Dst: w.strip, LDD: at.half, Src: b, LDS: at.ld, Cols: w.steps})
		b = w.strip
	}
	j := (now.j + p) * panel
	for h := 0; h < 2 && j < w.cols; h++ {
		w.t.B, w.t.LDB, w.t.Cols = b[h*at.half:], kernel.SmallCols, min(kernel.SmallCols, w.cols-j)
		for g := range w.groups() {
			r := g * stripGroup
			w.t.Rows, w.t.LDA = min(stripGroup, w.n-r), min(kernel.SmallRows, w.n-r)
			w.t.A = w.a[r*w.steps:]
			w.t.C = kernel.Words(w.c[(w.lo+r)*w.ldc+j:])
			w.t.Next = w.coming.next()
			w.core.StripF32(&w.t)
			w.layOutNext(next)
		}
		j += kernel.SmallCols
	}
}
