package cpu

import "fettle/internal/compute/cpu/kernel"

// A strip is half of a block of a panel: 16 columns of as many steps, without gaps. It stays near while all rows pass
// over it in small tiles, whose A comes from further away. Half of a panel as it lies would take every other line
// only, and so find room in half of the first cache.

const (
	stripGroup = 6 * kernel.SmallRows // rows that pass over a strip between two pieces of the panels that come next
	stripRows  = 2 * stripGroup       // rows that pass over all strips at hand, from the second cache
)

// groups returns how many groups of rows pass over a strip.
func (w *panelWork) groups() int { return upTo(w.n, stripGroup) }

// inStrips reports whether n rows are enough to pay for splitting panels.
func (d *device) inStrips(n int) bool { return d.core.StripRows > 0 && n >= d.core.StripRows }

// passStrips passes the tiles of some rows over all strips of now, whose words are b, then those of the next rows.
// Panels that are not split yet are split first.
func (w *panelWork) passStrips(now, next *batch, b []kernel.Word, at layout) {
	if at.half == kernel.SmallCols {
		half := w.steps * kernel.SmallCols
		for p := range now.count {
			w.pack(w.core.Part, kernel.Pack{
				Dst: w.strips[2*p*half:], LDD: half, Src: b[p*at.pitch:], LDS: at.ld, Cols: w.steps,
			})
		}
		b, at.half, at.pitch = w.strips, half, 2*half
	}
	w.t.LDB = kernel.SmallCols
	for lo := 0; lo < w.n; lo += stripRows {
		hi := min(w.n, lo+stripRows)
		for s := range 2 * now.count {
			j := now.j*panel + s*kernel.SmallCols
			if j >= w.cols {
				break
			}
			w.t.B, w.t.Cols = b[s/2*at.pitch+s%2*at.half:], min(kernel.SmallCols, w.cols-j)
			for r := lo; r < hi; r += stripGroup {
				w.t.Rows, w.t.LDA = min(stripGroup, hi-r), min(kernel.SmallRows, hi-r)
				w.t.A = w.a[r*w.steps:]
				w.t.C = kernel.Words(w.c[(w.lo+r)*w.ldc+j:])
				w.t.Next = w.coming.next()
				w.core.StripF32(&w.t)
				w.layOutNext(next)
			}
		}
	}
}
