package cpu

import "fettle/internal/compute"

// queriesPerItem is how many query rows of one head make a work item.
const queriesPerItem = 16

// heads are the layouts of an attention call.
type heads struct {
	compute.Attention
	group  int // query heads per key head
	qw, kw int // widths of a query row and a key row
}

func newHeads(a compute.Attention) heads {
	return heads{a, a.Heads / a.KVHeads, a.Heads * a.HeadDim, a.KVHeads * a.HeadDim}
}

// runs are the key rows query i of s sees, in order: the prefix, its own.
func runs(s compute.Segment, i int) [2][2]int {
	return [2][2]int{{s.Prefix, s.PrefixLen}, {s.Key, s.Past + i + 1}}
}

// visible is how many keys the last query of s sees.
func visible(s compute.Segment) int { return s.PrefixLen + s.Past + s.Len }

// needSegments panics unless the arrays hold every row the segments name.
func (h heads) needSegments(q, k []float32, segs []compute.Segment) {
	for _, s := range segs {
		compute.Need(len(q), (s.Row+s.Len)*h.qw)
		compute.Need(len(k), max(s.Key+s.Past+s.Len, s.Prefix+s.PrefixLen)*h.kw)
	}
}

// probabilities writes softmax(scale·q·kᵀ) over the keys query i of s sees
// into p; at is where the head starts in a key row.
func (h heads) probabilities(p, q, k []float32, s compute.Segment, i, at int) []float32 {
	p = p[:0]
	for _, run := range runs(s, i) {
		for j := range run[1] {
			p = append(p, h.Scale*dot(q, k[(run[0]+j)*h.kw+at:][:h.HeadDim]))
		}
	}
	scaleGo(p, float32(1/expSumGo(p, topGo(p))))
	return p
}

// Attend: out = Σ_j p[j]·v[j]. One row of scores exists at a time per thread.
func (d *device) Attend(out, q, k, v []float32, segs []compute.Segment, a compute.Attention) {
	h := newHeads(a)
	h.needSegments(q, k, segs)
	h.needSegments(out, v, segs)
	for _, s := range segs {
		d.chunks(s.Len*h.Heads, queriesPerItem, func(lo, hi int) {
			scratch := d.free.get(visible(s))
			defer d.free.put(scratch)
			for item := lo; item < hi; item++ {
				head, i := item/s.Len, item%s.Len
				qAt, kAt := (s.Row+i)*h.qw+head*h.HeadDim, head/h.group*h.HeadDim
				p := h.probabilities(scratch, q[qAt:][:h.HeadDim], k, s, i, kAt)
				out := out[qAt:][:h.HeadDim]
				clear(out)
				for _, run := range runs(s, i) {
					for j := range run[1] {
						axpy(out, p[j], v[(run[0]+j)*h.kw+kAt:][:h.HeadDim])
					}
					p = p[run[1]:]
				}
			}
		})
	}
}

// dot is Σ a·b with eight sums.
func dot(a, b []float32) float32 {
	var s [8]float32
	b = b[:len(a)]
	for len(a) >= 8 {
		x, y := a[:8:8], b[:8:8]
		s[0] += float32(x[0] * y[0])
		s[1] += float32(x[1] * y[1])
		s[2] += float32(x[2] * y[2])
		s[3] += float32(x[3] * y[3])
		s[4] += float32(x[4] * y[4])
		s[5] += float32(x[5] * y[5])
		s[6] += float32(x[6] * y[6])
		s[7] += float32(x[7] * y[7])
		a, b = a[8:], b[8:]
	}
	for i, v := range a {
		s[i] += float32(v * b[i])
	}
	return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
}

// axpy: y += a·x.
func axpy(y []float32, a float32, x []float32) {
	x = x[:len(y)]
	for i, v := range x {
		y[i] += float32(a * v)
	}
}
