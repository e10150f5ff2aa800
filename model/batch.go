package model

import (
	"slices"

	"fettle/internal/compute"
)

// Target is a token that row Row learns to predict; its negative log-likelihood counts Weight times.
type Target struct {
	Row    int
	Token  int32
	Weight float32
}

// Batch holds the sequences of one forward pass, packed one after another.
type Batch struct {
	Tokens    []int32           // (n)
	Positions []int32           // (n) RoPE positions; restart in every segment
	Segments  []compute.Segment // cover the rows in order
	Targets   []Target          // learned rows, in row order

	// Train turns on dropout. Step and Samples key its randomness: Samples[i] is the index of segment i within the
	// optimizer step, whatever micro-batch it came in, and so its place in sums over the step.
	Train   bool
	Seed    uint64
	Step    uint64
	Samples []uint64
}

// Pack lays sequences out as a batch. labels are aligned with the tokens, not shifted: position t has the target
// labels[t+1] unless that is Ignore, and no target crosses from one sequence into the next.
func Pack(tokens, labels [][]int32) *Batch {
	b := &Batch{}
	for i, ids := range tokens {
		b.append(tokens, labels, []int{i}, 0, len(ids), compute.Segment{})
	}
	return b
}

// Ignore labels a token that is not learned.
const Ignore = -100

// rows returns some rows of one segment as a batch of their own, for deltas, which read no other rows.
func (b *Batch) rows(at []int32) *Batch {
	some := &Batch{Segments: []compute.Segment{{Len: len(at)}}, Train: b.Train, Seed: b.Seed, Step: b.Step}
	for _, i := range at {
		some.Tokens, some.Positions = append(some.Tokens, b.Tokens[i]), append(some.Positions, b.Positions[i])
	}
	if len(at) == 0 {
		return some
	}
	if i := b.segmentOf(int(at[0])); i >= 0 && i < len(b.Samples) {
		some.Samples = []uint64{b.Samples[i]}
	}
	return some
}

// segmentOf returns the segment that a row belongs to.
func (b *Batch) segmentOf(row int) int {
	return slices.IndexFunc(b.Segments, func(s compute.Segment) bool { return row >= s.Row && row < s.Row+s.Len })
}

// positions returns the largest position plus one.
func (b *Batch) positions() int {
	n := int32(0)
	for _, p := range b.Positions {
		n = max(n, p+1)
	}
	return int(n)
}

// shared reports whether a segment sees rows that others see too.
func (b *Batch) shared() bool {
	return slices.ContainsFunc(b.Segments, func(s compute.Segment) bool { return s.PrefixLen > 0 })
}

// eachTarget visits the targets in order, with the index of the segment each belongs to.
func (b *Batch) eachTarget(visit func(i, segment int)) {
	segment := 0
	for i, t := range b.Targets {
		for t.Row >= b.Segments[segment].Row+b.Segments[segment].Len {
			segment++
		}
		visit(i, segment)
	}
}

// sums adds up weight·nll of the targets, segment by segment.
func (b *Batch) sums(nll []float64) []float64 {
	out := make([]float64, len(b.Segments))
	b.eachTarget(func(i, segment int) { out[segment] += float64(b.Targets[i].Weight) * nll[i] })
	return out
}

// targetsBySegment cuts the targets into those of each segment that has any: targets Row … Row+Len-1.
func (b *Batch) targetsBySegment() []compute.Segment {
	var all []compute.Segment
	last := -1
	b.eachTarget(func(i, segment int) {
		if segment != last {
			all, last = append(all, compute.Segment{Row: i}), segment
		}
		all[len(all)-1].Len++
	})
	return all
}
