package cpu

import "fettle/internal/compute"

// attending is what one thread needs to work on the rows of one key head of a
// segment. A row is a pair of query and head in the group: query·group + head.
type attending struct {
	*device
	*heads
	s      compute.Segment
	head   int // key head
	lo, n  int // rows of the tile: lo … lo+n-1
	keys   int // that its last row sees
	ld     int // of p: keys rounded up to panels
	t      tile
	pk     pack
	gather []float32 // (n, Dh) rows of the tile
	turned []float32 // (Dh, n) the same
	p      []float32 // (n, ld) scores, then exponentials, zero where unseen
	packed []float32 // (keys, n)
	sums   [tileRows]float32
	result []float32 // (n, wide)
	padded []float32 // (some keys, wide) where heads are not whole panels
}

// keysAtOnce is how many rows of values are copied where they must be padded.
const keysAtOnce = 256

func (d *device) newAttending(h *heads, s compute.Segment, head int) *attending {
	longest := (visible(s, s.Len-1) + panel - 1) / panel * panel
	t := &attending{device: d, heads: h, s: s, head: head, p: d.free.get(tileRows * longest)}
	t.packed = d.free.get(tileRows * longest)
	t.gather, t.turned = d.free.get(tileRows*h.wide), d.free.get(tileRows*h.wide)
	t.result = d.free.get(tileRows * h.wide)
	t.padded = d.free.get(keysAtOnce * h.wide)
	return t
}

func (d *device) endAttending(t *attending) {
	for _, s := range [][]float32{t.p, t.packed, t.gather, t.turned, t.result, t.padded} {
		d.free.put(s)
	}
}

// rows makes lo … hi-1 the rows of the tile.
func (t *attending) rows(lo, hi int) {
	t.lo, t.n = lo, hi-lo
	t.keys = visible(t.s, (hi-1)/t.group)
	t.ld = (t.keys + panel - 1) / panel * panel
}

// row is the part of x (rows, H·Dh) that belongs to row r of the tile.
func (t *attending) row(x []float32, r int) []float32 {
	i, head := (t.lo+r)/t.group, (t.lo+r)%t.group
	return x[(t.s.Row+i)*t.qw+(t.head*t.group+head)*t.HeadDim:][:t.HeadDim]
}

// scores writes x·keysᵀ (n, keys) to dst, for the tile's rows of x.
func (t *attending) scores(dst, x, keys []float32, factor float32) {
	for r := range t.n {
		copy(t.gather[r*t.HeadDim:], t.row(x, r))
	}
	if factor != 1 {
		t.device.scale(t.gather[:t.n*t.HeadDim], factor)
	}
	t.pk = pack{dst: t.turned, ldd: t.n, src: t.gather, lds: t.HeadDim, rows: t.n, cols: t.HeadDim}
	t.packF32(&t.pk)
	all := (visible(t.s, t.s.Len-1) + panel - 1) / panel // panels of a head
	t.t = tile{ldc: t.ld, a: t.turned, lda: t.n, ldb: panel, steps: t.HeadDim, rows: t.n, cols: panel}
	for j := range t.ld / panel {
		t.t.c, t.t.b = dst[j*panel:], keys[(t.head*all+j)*t.HeadDim*panel:]
		t.tileF32(&t.t)
	}
}

// probabilities writes exp(scale·q·k − largest) to p, their sums to sums, and
// the transpose to packed.
func (t *attending) probabilities(q, keys []float32) {
	t.scores(t.p, q, keys, t.Scale)
	for r := range t.n {
		seen := visible(t.s, (t.lo+r)/t.group)
		row := t.p[r*t.ld:][:t.ld]
		t.sums[r] = float32(t.expSum(row[:seen], t.top(row[:seen])))
		clear(row[seen:])
	}
	t.pk = pack{dst: t.packed, ldd: t.n, src: t.p, lds: t.ld, rows: t.n, cols: t.keys}
	t.packF32(&t.pk)
}

// times writes x·v (n, Dh) to result, x (n, keys) given as its transpose with
// leading dimension lda.
func (t *attending) times(x []float32, lda int, v []float32) {
	t.t = tile{ldc: t.wide, lda: lda, rows: t.n}
	for _, run := range runs(t.s) {
		n := min(run.n, t.keys-run.from)
		for at := 0; at < n; {
			t.t.steps, t.t.b, t.t.ldb = n-at, v[(run.row+at)*t.kw+t.head*t.HeadDim:], t.kw
			if t.wide != t.HeadDim {
				t.t.steps = min(n-at, keysAtOnce)
				copyRows(t.padded, t.wide, t.t.b, t.kw, t.t.steps, t.HeadDim)
				t.t.b, t.t.ldb = t.padded, t.wide
			}
			t.t.a = x[(run.from+at)*lda:]
			values := t.t.b
			for c := 0; c < t.HeadDim; c += panel {
				t.t.c, t.t.b, t.t.cols = t.result[c:], values[c:], min(panel, t.HeadDim-c)
				t.tileF32(&t.t)
			}
			at += t.t.steps
			t.t.mode = modeContinue
		}
	}
}
