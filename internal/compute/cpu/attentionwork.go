package cpu

import "fettle/internal/compute"

// attentionWork is what one thread needs to work on the rows of one key head of a
// segment, a block at a time. A row is a pair of query and head in the group:
// query·group + head. Products go through a block in tiles of rows.
type attentionWork struct {
	*device
	*heads
	s          compute.Segment
	head       int // key head
	lo, n      int // rows of the block: lo … lo+n-1
	span       int // leading dimension of p
	t          tile
	pk         pack
	transposed []float32 // (Dh, rows) of every tile: what scores multiplies
	p          []float32 // (n, span) scores, then exponentials, zero where unseen
	packed     []float32 // (some keys, rows) of a tile: what times multiplies
	sums       [maxBlockRows]float32
	result     []float32 // (n, wide)
}

const (
	blockTiles   = 4 // tiles of a block
	maxBlockRows = blockTiles * tileRows
	keysAtOnce   = 256       // that times sums before it goes to the next tile
	half         = panel / 2 // columns that tiles compute at least
)

// blockRows is how many rows a block has.
func (d *device) blockRows() int { return blockTiles * d.rows }

func (d *device) newAttentionWork(h *heads, s compute.Segment, head int) *attentionWork {
	t := &attentionWork{device: d, heads: h, s: s, head: head}
	rows, longest := min(d.blockRows(), s.Len*h.group), visible(s, s.Len-1)
	t.span = (longest+panel-1)/panel*panel + half // rows do not fall on each other in a cache
	t.p, t.packed = d.free.get(rows*t.span), d.free.get(tileRows*keysAtOnce)
	t.transposed, t.result = d.free.get(rows*h.wide), d.free.get(rows*h.wide)
	return t
}

func (d *device) endAttentionWork(t *attentionWork) {
	for _, s := range [][]float32{t.p, t.packed, t.transposed, t.result} {
		d.free.put(s)
	}
}

// begin makes lo … hi-1 the rows of the block.
func (t *attentionWork) begin(lo, hi int) { t.lo, t.n = lo, hi-lo }

// seen is how many keys row r of the block sees.
func (t *attentionWork) seen(r int) int { return visible(t.s, (t.lo+r)/t.group) }

// row is the part of x (rows, H·Dh) that belongs to row r of the block.
func (t *attentionWork) row(x []float32, r int) []float32 {
	i, head := (t.lo+r)/t.group, (t.lo+r)%t.group
	return x[(t.s.Row+i)*t.qw+(t.head*t.group+head)*t.HeadDim:][:t.HeadDim]
}

// own is the part of gathered queries (key heads, Len·group, wide) that belongs to
// the block: (n, wide).
func (t *attentionWork) own(queries []float32) []float32 {
	return queries[(t.head*t.s.Len*t.group+t.lo)*t.wide:][:t.n*t.wide]
}

// tiles calls f for every tile of the block: its first row, their number, and the
// keys that its last row sees.
func (t *attentionWork) tiles(f func(at, n, keys int)) {
	for at := 0; at < t.n; at += t.device.rows {
		n := min(t.device.rows, t.n-at)
		f(at, n, t.seen(at+n-1))
	}
}

// scores writes x·keysᵀ (n, span) to dst, x (n, wide), as far as rows see.
func (t *attentionWork) scores(dst, x, keys []float32) {
	t.tiles(func(at, n, _ int) {
		t.pk = pack{dst: t.transposed[at*t.HeadDim:], ldd: n, src: x[at*t.wide:], lds: t.wide, rows: n, cols: t.HeadDim}
		t.packF32(&t.pk)
	})
	all := (visible(t.s, t.s.Len-1) + panel - 1) / panel // panels of a head
	t.t = tile{ldc: t.span, ldb: panel, steps: t.HeadDim}
	for j := 0; j < t.seen(t.n-1); j += panel {
		t.t.b = keys[(t.head*all+j/panel)*t.HeadDim*panel:]
		t.tiles(func(at, n, keys int) {
			if j >= keys {
				return
			}
			t.t.c, t.t.cols = dst[at*t.span+j:], min(panel, (keys-j+half-1)/half*half)
			t.t.a, t.t.lda, t.t.rows = t.transposed[at*t.HeadDim:], n, n
			t.tileF32(&t.t)
		})
	}
}

// exponentials turns the scores in p into exp(score − largest), and writes their
// sums.
func (t *attentionWork) exponentials() {
	longest := t.seen(t.n - 1)
	for r := range t.n {
		row, seen := t.p[r*t.span:][:longest], t.seen(r)
		t.sums[r] = float32(t.expSum(row[:seen], t.top(row[:seen])))
		clear(row[seen:])
	}
}

// times writes x·v (n, Dh) to result, x (n, span).
func (t *attentionWork) times(x []float32, v *gathered) {
	for _, run := range v.runs {
		for i := 0; i < run.n; i += keysAtOnce {
			values, from := v.words[(run.row+i)*v.ld+t.head*v.head:], run.from+i
			t.tiles(func(at, n, keys int) {
				steps := min(keysAtOnce, run.n-i, keys-from)
				if steps <= 0 {
					return
				}
				t.pk = pack{dst: t.packed, ldd: n, src: x[at*t.span+from:], lds: t.span, rows: n, cols: steps}
				t.packF32(&t.pk)
				t.t = tile{ldc: t.wide, a: t.packed, lda: n, ldb: v.ld, steps: steps, rows: n}
				if from > 0 {
					t.t.mode = modeContinue
				}
				for c := 0; c < t.HeadDim; c += panel {
					t.t.c, t.t.b, t.t.cols = t.result[at*t.wide+c:], values[c:], min(panel, t.HeadDim-c)
					t.tileF32(&t.t)
				}
			})
		}
	}
}
