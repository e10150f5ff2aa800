package cpu

import "fettle/internal/compute"

// AttendBackward: with p the probabilities, g[j] = dout·v[j] and δ = dout·out,
//
//	dv[j] += p[j]·dout
//	dq    += scale·Σ_j p[j]·(g[j]−δ)·k[j]
//	dk[j] += scale·p[j]·(g[j]−δ)·q
//
// A work item is one key head of one segment. The segments' own key rows must
// not overlap; what they add to a shared prefix is kept apart and added in the
// order of the segments.
func (d *device) AttendBackward(dq, dk, dv, dout, out, q, k, v []float32, segs []compute.Segment, a compute.Attention) {
	h := newHeads(a)
	h.needSegments(q, k, segs)
	h.needSegments(out, v, segs)
	h.needSegments(dout, dk, segs)
	h.needSegments(dq, dv, segs)
	shared := make([][2][]float32, len(segs)) // (prefix rows, G·Dh) of dk and dv
	for i, s := range segs {
		for j := range 2 {
			shared[i][j] = d.free.get(s.PrefixLen * h.kw)
			clear(shared[i][j])
			defer d.free.put(shared[i][j])
		}
	}
	d.each(len(segs)*h.KVHeads, func(item int) {
		i, kv := item/h.KVHeads, item%h.KVHeads
		s, at := segs[i], kv*h.HeadDim
		p := d.free.get(visible(s))
		defer d.free.put(p)
		for head := kv * h.group; head < (kv+1)*h.group; head++ {
			for r := range s.Len {
				qAt := (s.Row+r)*h.qw + head*h.HeadDim
				q, dq, dout := q[qAt:][:h.HeadDim], dq[qAt:][:h.HeadDim], dout[qAt:][:h.HeadDim]
				p := h.probabilities(p, q, k, s, r, at)
				delta := dot(dout, out[qAt:][:h.HeadDim])
				for which, run := range runs(s, r) {
					for j := range run[1] {
						row := (run[0]+j)*h.kw + at
						dkj, dvj := dk[row:], dv[row:]
						if which == 0 {
							dkj, dvj = shared[i][0][j*h.kw+at:], shared[i][1][j*h.kw+at:]
						}
						ds := h.Scale * p[j] * (dot(dout, v[row:][:h.HeadDim]) - delta)
						axpy(dvj[:h.HeadDim], p[j], dout)
						axpy(dq, ds, k[row:][:h.HeadDim])
						axpy(dkj[:h.HeadDim], ds, q)
					}
					p = p[run[1]:]
				}
			}
		}
	})
	for i, s := range segs {
		if s.PrefixLen > 0 {
			d.Add(dk[s.Prefix*h.kw:][:s.PrefixLen*h.kw], shared[i][0])
			d.Add(dv[s.Prefix*h.kw:][:s.PrefixLen*h.kw], shared[i][1])
		}
	}
}
