package model

import "fettle/internal/compute"

// needed names the rows of a batch whose output of the last block is read. Of the others that block computes keys and
// values alone. All of its arrays but the input, its norm, keys and values have these rows only.
type needed struct {
	*Batch         // the rows as a batch without targets, whose segments see the keys of all
	rows   []int32 // their places among all, ascending
}

// learned returns, of every segment, the rows from its first target to its last; nil where no row is a target.
func (b *Batch) learned() *needed {
	if len(b.Targets) == 0 {
		return nil
	}
	some := &needed{Batch: &Batch{Train: b.Train, Seed: b.Seed, Step: b.Step}}
	for _, run := range b.targetsBySegment() {
		first, last := b.Targets[run.Row].Row, b.Targets[run.Row+run.Len-1].Row
		some.take(b, b.segmentOf(first), first, last+1)
	}
	return some
}

// latest returns the last n rows of a batch of one segment.
func (b *Batch) latest(n int) *needed {
	some := &needed{Batch: &Batch{}}
	some.take(b, 0, len(b.Tokens)-n, len(b.Tokens))
	return some
}

// take adds rows lo … hi-1, of one segment.
func (some *needed) take(b *Batch, segment, lo, hi int) {
	s := b.Segments[segment]
	s.Past += lo - s.Row
	s.Row, s.Len = len(some.rows), hi-lo
	some.Segments = append(some.Segments, s)
	if segment < len(b.Samples) {
		some.Samples = append(some.Samples, b.Samples[segment])
	}
	some.Tokens, some.Positions = append(some.Tokens, b.Tokens[lo:hi]...), append(some.Positions, b.Positions[lo:hi]...)
	for i := lo; i < hi; i++ {
		some.rows = append(some.rows, int32(i))
	}
}

// places returns where rows of the whole batch stand among the needed ones, which have all of them.
func (some *needed) places(rows []int32) []int32 {
	at, j := make([]int32, len(rows)), 0
	for i, r := range rows {
		for some.rows[j] != r {
			j++
		}
		at[i] = int32(j)
	}
	return at
}

// addNeeded computes y = x + o of the needed rows, or x + norm(o) as add does.
func (m *Model) addNeeded(y, x, o, post []float32, w norm, some *needed) {
	m.dev.Gather(y, x, some.rows, m.config.Hidden)
	if w.weight != nil {
		m.norm(post, o, w, len(some.rows))
		o = post
	}
	m.dev.Add(y, o)
}

// spread returns the gradient of all n rows whose gradient of the needed ones is g, in the memory of g; room is as
// large as g.
func (m *Model) spread(g, room []float32, some *needed, n int) []float32 {
	m.dev.Copy(room, g)
	g = compute.Resize(&m.work.g, n*m.config.Hidden)
	m.dev.Zero(g)
	m.dev.ScatterAdd(g, room, some.rows, m.config.Hidden)
	return g
}

// inLast returns the needed rows in the last block, and nil, for all, in others.
func (m *Model) inLast(l int, some *needed) *needed {
	if l < m.config.Layers-1 {
		return nil
	}
	return some
}
