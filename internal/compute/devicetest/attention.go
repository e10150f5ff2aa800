package devicetest

import (
	"fmt"
	"math"

	"fettle/internal/compute"
)

// attention names a set of segments over shared arrays.
type attention struct {
	why  string
	segs []compute.Segment
}

var segmentSets = []attention{
	{"one row", []compute.Segment{{Len: 1}}},
	{"empty segment", []compute.Segment{{Len: 0}, {Row: 0, Len: 3, Key: 0}}},
	{"one sequence", []compute.Segment{{Len: 19}}},
	{"longer than a block", []compute.Segment{{Len: 150}}},
	{"packed", []compute.Segment{{Len: 5}, {Row: 5, Len: 1, Key: 5}, {Row: 6, Len: 40, Key: 6}}},
	{"decoding", []compute.Segment{{Len: 1, Past: 70}}},
	{"chunk after a cache", []compute.Segment{{Len: 9, Key: 3, Past: 66}}},
	{"shared prefix", []compute.Segment{
		{Len: 37}, {Row: 37, Len: 8, Key: 37, PrefixLen: 37}, {Row: 45, Len: 30, Key: 45, PrefixLen: 37},
	}},
	{"long decoding", []compute.Segment{{Len: 2, Past: 600}}},
	{"prefix in the middle and a past", []compute.Segment{{Len: 4, Key: 60, Past: 3, Prefix: 20, PrefixLen: 33}}},
}

// rows returns how many rows of queries and keys the set needs.
func (a attention) rows() (q, k int) {
	for _, s := range a.segs {
		q = max(q, s.Row+s.Len)
		k = max(k, s.Key+s.Past+s.Len, s.Prefix+s.PrefixLen)
	}
	return q, k
}

// bounds lists windows and caps of scores, the first: none.
var bounds = []compute.Attention{{}, {Window: 1}, {Window: 5}, {Window: 40, Cap: 1.5}, {Cap: 0.7}, {Window: 1000}}

func attentions() (cases []Case) {
	for i, shape := range [][3]int{{1, 1, 2}, {4, 2, 8}, {6, 2, 18}, {3, 3, 64}, {8, 1, 40}} {
		for j, set := range segmentSets {
			for k, bound := range bounds {
				if k == 0 || (i+j+k)%3 == 0 {
					cases = append(cases, attentionCase(shape, set, bound))
				}
			}
		}
	}
	return cases
}

func attentionCase(shape [3]int, set attention, a compute.Attention) Case {
	a.Heads, a.KVHeads, a.HeadDim = shape[0], shape[1], shape[2]
	a.Scale = float32(1 / math.Sqrt(float64(a.HeadDim)))
	rows, keyRows := set.rows()
	src := newSource(uint64(6000 + rows))
	qn, kn := rows*a.Heads*a.HeadDim, keyRows*a.KVHeads*a.HeadDim
	q, k, v, dout := src.normal(qn), src.normal(kn), src.normal(kn), src.normal(qn)
	dq, dk, dv := src.normal(qn), src.normal(kn), src.normal(kn)
	name := fmt.Sprintf("attention %+v %s", a, set.why)
	return Case{name, Attention, func(dev compute.Device) [][]float32 {
		out, dq, dk, dv := make([]float32, qn), clone(dq), clone(dk), clone(dv)
		dev.Attend(out, q, k, v, set.segs, a)
		dev.AttendBackward(dq, dk, dv, dout, out, q, k, v, set.segs, a)
		return [][]float32{out, dq, dk, dv}
	}}
}
