package cpu

import "fettle/internal/compute"

// heads are the layouts of an attention call.
type heads struct {
	compute.Attention
	group  int // query heads per key head
	qw, kw int // widths of a query row and a key row
	wide   int // the head width, rounded up to whole panels
}

func newHeads(a compute.Attention) heads {
	return heads{a, a.Heads / a.KVHeads, a.Heads * a.HeadDim, a.KVHeads * a.HeadDim, (a.HeadDim + panel - 1) / panel * panel}
}

// needSegments panics unless the arrays hold every row the segments name.
func (h *heads) needSegments(q, k []float32, segs []compute.Segment) {
	for _, s := range segs {
		compute.Need(len(q), (s.Row+s.Len)*h.qw)
		compute.Need(len(k), max(s.Key+s.Past+s.Len, s.Prefix+s.PrefixLen)*h.kw)
	}
}

// visible is how many keys query i of s sees; they are counted from the first
// of the prefix through to its own.
func visible(s compute.Segment, i int) int { return s.PrefixLen + s.Past + i + 1 }

// run is a stretch of key rows: first row, number, and what the first counts as.
type run struct{ row, n, from int }

// runs are the two vocabBlocks of key rows that s sees.
func runs(s compute.Segment) [2]run {
	return [2]run{{s.Prefix, s.PrefixLen, 0}, {s.Key, s.Past + s.Len, s.PrefixLen}}
}

// Attend works on blocks of rows: the queries that share a key head, each with
// all the group's heads. Scores of a block exist at one time, (rows, keys); every
// score is one chain along the head, every output one chain along the keys.
// A key that only later queries of a tile see has probability zero for the
// earlier ones, and does not touch their bits unless its value is not finite:
// then each query is a block.
func (d *device) Attend(out, q, k, v []float32, segs []compute.Segment, a compute.Attention) {
	h := newHeads(a)
	h.needSegments(q, k, segs)
	h.needSegments(out, v, segs)
	for _, s := range segs {
		if s.Len == 0 {
			continue
		}
		keys, values, queries := d.transposeRows(&h, k, s), d.gatherRows(&h, v, s, true), d.gatherQueries(&h, q, s, h.Scale)
		rows, step := s.Len*h.group, d.blockRows()
		if !d.finiteTail(&h, v, s) {
			step = h.group
		}
		blocks := (rows + step - 1) / step
		d.each(h.KVHeads*blocks, func(item int) {
			t := d.newAttentionWork(&h, s, item/blocks)
			defer d.endAttentionWork(t)
			lo := item % blocks * step
			hi := min(rows, lo+step)
			for at := lo; at < hi; at += d.blockRows() {
				t.begin(at, min(hi, at+d.blockRows()))
				t.scores(t.p, t.own(queries), keys)
				t.exponentials()
				t.times(t.p, &values)
				for r := range t.n {
					y := t.result[r*t.wide:][:t.HeadDim]
					d.level.scale(y, 1/t.sums[r])
					copy(t.row(out, r), y)
				}
			}
		})
		d.free.put(keys)
		d.free.put(queries)
		d.endGathered(&values)
	}
}

// gathered are the rows of k or v that a segment sees, head by head: as they
// lie, or copied to where they lie close and in whole panels.
type gathered struct {
	words    []float32
	copied   bool
	head, ld int // words from head to head, from row to row
	runs     [2]run
}

// gatherRows copies where that is soon worth it, and to whole panels if it must.
func (d *device) gatherRows(h *heads, k []float32, s compute.Segment, whole bool) gathered {
	if s.Len*h.group <= tileRows && !(whole && h.wide != h.HeadDim) {
		return gathered{words: k, head: h.HeadDim, ld: h.kw, runs: runs(s)}
	}
	count := visible(s, s.Len-1)
	g := gathered{words: d.free.get(h.KVHeads * count * h.wide), copied: true, head: count * h.wide, ld: h.wide}
	g.runs[0].n = count
	for _, run := range runs(s) {
		d.byHead(g.words[run.from*g.ld:], g.head, k[run.row*h.kw:], h, run.n, 1, 1)
	}
	return g
}

func (d *device) endGathered(g *gathered) {
	if g.copied {
		d.free.put(g.words)
	}
}

// gatherQueries are the rows of q (or their like) that belong to s, times a
// factor: (key heads, Len·group, wide).
func (d *device) gatherQueries(h *heads, q []float32, s compute.Segment, factor float32) []float32 {
	rows := s.Len * h.group
	dst := d.free.get(h.KVHeads * rows * h.wide)
	d.byHead(dst, rows*h.wide, q[s.Row*h.qw:], h, s.Len, h.group, factor)
	return dst
}

// byHead copies n rows of group heads for every key head, times a factor, in the
// order of memory: key head by key head they are stride words apart.
func (d *device) byHead(dst []float32, stride int, x []float32, h *heads, n, group int, factor float32) {
	d.chunks(n, rowsPerItem(h.KVHeads*group*h.HeadDim), func(lo, hi int) {
		x := x[lo*h.KVHeads*group*h.HeadDim:]
		for i := lo; i < hi; i++ {
			for head := range h.KVHeads {
				for g := range group {
					row := dst[head*stride+(i*group+g)*h.wide:][:h.HeadDim]
					copy(row, x)
					if x = x[h.HeadDim:]; factor != 1 {
						d.level.scale(row, factor)
					}
				}
			}
		}
	})
}

// transposeRows transposes the rows of k or v that s sees into panels of 32 keys:
// (key heads, panels, Dh, 32).
func (d *device) transposeRows(h *heads, k []float32, s compute.Segment) []float32 {
	g := d.gatherRows(h, k, s, false)
	defer d.endGathered(&g)
	count := visible(s, s.Len-1)
	panels := (count + panel - 1) / panel
	transposed := d.free.get(h.KVHeads * panels * h.HeadDim * panel)
	d.each(h.KVHeads*((panels+7)/8), func(item int) {
		head := item % h.KVHeads
		for j := item / h.KVHeads * 8; j < min(panels, (item/h.KVHeads+1)*8); j++ {
			dst := transposed[(head*panels+j)*h.HeadDim*panel:][:h.HeadDim*panel]
			for _, run := range g.runs {
				// The panel's keys in this run, sixteen at a time at most.
				lo, hi := max(j*panel, run.from), min((j+1)*panel, run.from+run.n)
				for ; lo < hi; lo += 16 {
					d.packF32(&pack{
						dst: dst[lo-j*panel:], ldd: panel, lds: g.ld, rows: min(16, hi-lo), cols: h.HeadDim,
						src: g.words[(run.row+lo-run.from)*g.ld+head*g.head:],
					})
				}
			}
		}
	})
	return transposed
}

// finiteTail is whether the rows of v are finite that the first query of s does
// not see.
func (d *device) finiteTail(h *heads, v []float32, s compute.Segment) bool {
	first := s.Key + s.Past + 1
	return s.Len == 1 || d.finite(v[first*h.kw:(s.Key+s.Past+s.Len)*h.kw]) == 0
}
