package ref

import (
	"math"

	"fettle/internal/compute"
)

// keys lists the key rows that query i of a segment sees: of the shared prefix and its own up to itself the last ones
// within the window.
func keys(s compute.Segment, i, window int) []int {
	var rows []int
	for j := range s.PrefixLen {
		rows = append(rows, s.Prefix+j)
	}
	for j := range s.Past + i + 1 {
		rows = append(rows, s.Key+j)
	}
	if window > 0 {
		rows = rows[max(0, len(rows)-window):]
	}
	return rows
}

// probabilities returns p = softmax(z) over the rows of k, z the capped scores scale·q·kᵀ, and dz, the derivative of z
// with respect to the scores; the key head of a row starts at element h.
func probabilities(q, k []float32, rows []int, width, h int, a compute.Attention) (p, dz []float64) {
	p, dz = make([]float64, len(rows)), make([]float64, len(rows))
	top, sum := math.Inf(-1), 0.0
	for j, r := range rows {
		p[j], dz[j] = float64(a.Scale)*dot(q, k[r*width+h:][:len(q)]), 1
		if limit := float64(a.Cap); limit > 0 {
			t := math.Tanh(p[j] / limit)
			p[j], dz[j] = limit*t, 1-t*t
		}
		top = math.Max(top, p[j])
	}
	for j := range p {
		p[j] = math.Exp(p[j] - top)
		sum += p[j]
	}
	for j := range p {
		p[j] /= sum
	}
	return p, dz
}

// Attend: out = Σ_j p[j]·v[j].
func (device) Attend(out, q, k, v []float32, segs []compute.Segment, a compute.Attention) {
	dh, group := a.HeadDim, a.Heads/a.KVHeads
	qw, kw := a.Heads*dh, a.KVHeads*dh
	for _, s := range segs {
		for i := range s.Len {
			rows := keys(s, i, a.Window)
			for h := range a.Heads {
				at, kh := (s.Row+i)*qw+h*dh, h/group*dh
				p, _ := probabilities(q[at:][:dh], k, rows, kw, kh, a)
				sum := make([]float64, dh)
				for j, r := range rows {
					axpy(sum, p[j], v[r*kw+kh:][:dh])
				}
				for d := range dh {
					out[at+d] = float32(sum[d])
				}
			}
		}
	}
}

// AttendBackward: with g[j] = dout·v[j] and δ = Σ_j p[j]·g[j],
//
//	dv[j] += p[j]·dout
//	dq    += scale·Σ_j p[j]·(g[j]−δ)·z′[j]·k[j]
//	dk[j] += scale·p[j]·(g[j]−δ)·z′[j]·q
//
// z′ being 1 without a cap. Each segment's gradient of k and v is summed in float64 and added once, in the order of the
// segments.
func (device) AttendBackward(dq, dk, dv, dout, out, q, k, v []float32, segs []compute.Segment, a compute.Attention) {
	dh, group := a.HeadDim, a.Heads/a.KVHeads
	qw, kw := a.Heads*dh, a.KVHeads*dh
	for _, s := range segs {
		sumK, sumV := map[int][]float64{}, map[int][]float64{}
		for _, r := range keys(s, s.Len-1, 0) {
			sumK[r], sumV[r] = make([]float64, kw), make([]float64, kw)
		}
		for i := range s.Len {
			rows := keys(s, i, a.Window)
			for h := range a.Heads {
				at, kh := (s.Row+i)*qw+h*dh, h/group*dh
				q, dout := q[at:][:dh], dout[at:][:dh]
				p, dz := probabilities(q, k, rows, kw, kh, a)
				g, delta := make([]float64, len(rows)), 0.0
				for j, r := range rows {
					g[j] = dot(dout, v[r*kw+kh:][:dh])
					delta += p[j] * g[j]
				}
				sumQ := make([]float64, dh)
				for j, r := range rows {
					ds := float64(a.Scale) * p[j] * (g[j] - delta) * dz[j]
					axpy(sumQ, ds, k[r*kw+kh:][:dh])
					axpy(sumK[r][kh:][:dh], ds, q)
					axpy(sumV[r][kh:][:dh], p[j], dout)
				}
				addTo(dq[at:][:dh], sumQ)
			}
		}
		for r := range sumK {
			addTo(dk[r*kw:][:kw], sumK[r])
			addTo(dv[r*kw:][:kw], sumV[r])
		}
	}
}
