package cpu

import (
	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
)

// gathered holds the rows of k or v that a segment sees, head by head: as they lie, or copied to where they lie close.
// Column c of a row is at c/32·next + c%32: copies that kernels read in whole panels are laid out panel by panel.
type gathered struct {
	floats         []float32
	copied         bool
	head, next, ld int // distance from head to head, from 32 columns to the next 32, from row to row
	runs           [2]run
}

// gatherRows copies where that saves time, and to whole panels where kernels need them.
func (d *device) gatherRows(h *heads, k []float32, s compute.Segment, whole bool) gathered {
	if s.Len*h.group <= kernel.TileRows && !(whole && h.wide != h.HeadDim) {
		return gathered{floats: k, head: h.HeadDim, next: panel, ld: h.kw, runs: runs(s)}
	}
	count := visible(s, s.Len-1)
	g := gathered{copied: true, head: count * h.wide, next: panel, ld: h.wide}
	if whole {
		g.next, g.ld = count*panel, panel
	}
	g.floats = d.free.get(h.KVHeads * g.head)
	g.runs[0].n = count
	for _, run := range runs(s) {
		d.byHead(g, run.from, k[run.row*h.kw:], h, run.n, 1, 1)
	}
	return g
}

func (d *device) endGathered(g *gathered) {
	if g.copied {
		d.free.put(g.floats)
	}
}

// gatherQueries returns the rows of q (or their like) that belong to s, times a factor: (key heads, Len·group, wide).
func (d *device) gatherQueries(h *heads, q []float32, s compute.Segment, factor float32) []float32 {
	rows := s.Len * h.group
	dst := d.free.get(h.KVHeads * rows * h.wide)
	to := gathered{floats: dst, head: rows * h.wide, next: panel, ld: h.wide}
	d.byHead(to, 0, q[s.Row*h.qw:], h, s.Len, h.group, factor)
	return dst
}

// byHead copies n rows of group heads for every key head to rows at·group and on, times a factor, in the order of
// memory.
func (d *device) byHead(to gathered, at int, x []float32, h *heads, n, group int, factor float32) {
	d.chunks(n, rowsPerItem(h.KVHeads*group*h.HeadDim), func(lo, hi int) {
		x := x[lo*h.KVHeads*group*h.HeadDim:]
		for i := lo; i < hi; i++ {
			for head := range h.KVHeads {
				for g := range group {
					row := to.floats[head*to.head+((at+i)*group+g)*to.ld:]
					for c := 0; c < h.HeadDim; c += panel {
						part := row[c/panel*to.next:][:min(panel, h.HeadDim-c)]
						copy(part, x)
						if x = x[len(part):]; factor != 1 {
							d.core.Scale(part, factor)
						}
					}
				}
			}
		}
	})
}

// keyPanels holds rows of k or v transposed, in panels of 32 keys (Dh, 32) for every key head.
type keyPanels struct {
	floats     []float32
	head, next int // distance from head to head, from panel to panel
}

// at returns panel j of a head, and what follows.
func (p *keyPanels) at(head, j int) []float32 { return p.floats[head*p.head+j*p.next:] }

// transposeRows transposes the rows of k or v that s sees.
func (d *device) transposeRows(h *heads, k []float32, s compute.Segment) keyPanels {
	g := d.gatherRows(h, k, s, false)
	defer d.endGathered(&g)
	count := visible(s, s.Len-1)
	panels := (count + panel - 1) / panel
	size := h.HeadDim * panel
	transposed := keyPanels{d.free.get(h.KVHeads * panels * size), panels * size, size}
	d.each(h.KVHeads*((panels+7)/8), func(item int) {
		head := item % h.KVHeads
		for j := item / h.KVHeads * 8; j < min(panels, (item/h.KVHeads+1)*8); j++ {
			dst := transposed.at(head, j)[:size]
			for _, run := range g.runs {
				// The panel's keys in this run, sixteen at a time at most.
				lo, hi := max(j*panel, run.from), min((j+1)*panel, run.from+run.n)
				for ; lo < hi; lo += 16 {
					src := g.floats[(run.row+lo-run.from)*g.ld+head*g.head:]
					d.pack(d.core.PackF32, kernel.Pack{
						Dst: kernel.Words(dst[lo-j*panel:]), LDD: panel,
						Src: kernel.Words(src), LDS: g.ld, Rows: min(16, hi-lo), Cols: h.HeadDim,
					})
				}
			}
		}
	})
	return transposed
}
