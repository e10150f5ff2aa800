package model

import (
	"cmp"
	"slices"

	"fettle/internal/compute"
)

// worthSharing is the number of rows that a shared prefix must save to get a segment of its own.
const worthSharing = 8

// PackShared is Pack where sequences with a common prefix share its rows, computed once: the prefix is a segment of its
// own, to which the segments of the remainders refer. A target of a shared row counts once for every sequence that has
// it. The sum of the losses, and its gradient, are Pack's up to rounding. Losses come per segment, so that a sequence's
// own loss is not known. With dropout, which would have one mask for a shared row, use Pack.
func PackShared(tokens, labels [][]int32) *Batch {
	b := &Batch{}
	for _, g := range groups(tokens) {
		var shared compute.Segment
		if g.prefix > 0 {
			shared = compute.Segment{Prefix: len(b.Tokens), PrefixLen: g.prefix}
			b.append(tokens, labels, g.members, 0, g.prefix, compute.Segment{})
		}
		for _, i := range g.members {
			b.append(tokens, labels, []int{i}, g.prefix, len(tokens[i]), shared)
		}
	}
	return b
}

// append adds tokens lo … hi-1 that the sequences of have in common, as a segment that sees the prefix named by s.
func (b *Batch) append(tokens, labels [][]int32, of []int, lo, hi int, s compute.Segment) {
	row := len(b.Tokens)
	s.Row, s.Key, s.Len = row, row, hi-lo
	b.Segments = append(b.Segments, s)
	b.Samples = append(b.Samples, uint64(len(b.Samples)))
	b.Tokens = append(b.Tokens, tokens[of[0]][lo:hi]...)
	for t := lo; t < hi; t++ {
		b.Positions = append(b.Positions, int32(t))
		from := len(b.Targets)
		for _, i := range of {
			if labels != nil && t+1 < len(tokens[i]) && labels[i][t+1] != Ignore {
				b.addTarget(from, row+t-lo, labels[i][t+1])
			}
		}
	}
}

// addTarget adds a target, or weight to an equal one among the targets since from, which are of the same row.
func (b *Batch) addTarget(from, row int, token int32) {
	for i := from; i < len(b.Targets); i++ {
		if b.Targets[i].Token == token {
			b.Targets[i].Weight++
			return
		}
	}
	b.Targets = append(b.Targets, Target{Row: row, Token: token, Weight: 1})
}

// group lists sequences that share their first tokens.
type group struct {
	members []int // ascending
	prefix  int   // tokens in common; 0 for a sequence on its own
}

// groups divides sequences so that the fewest rows are left. Sequences with a common prefix are neighbours in lexical
// order, where the best division of the first j ends with the best last group (i … j-1):
//
//	saved(j) = max over i of saved(i) + (j-i-1)·common(i … j-1) − worthSharing
//
// Every sequence keeps a row of its own. The groups come in the order of their first members.
func groups(tokens [][]int32) []group {
	order := make([]int, len(tokens))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return slices.Compare(tokens[a], tokens[b]) })
	saved, start, prefix := make([]int, len(order)+1), make([]int, len(order)+1), make([]int, len(order)+1)
	for j := 1; j <= len(order); j++ {
		saved[j], start[j], prefix[j] = saved[j-1], j-1, 0
		shared := len(tokens[order[j-1]]) - 1
		for i := j - 2; i >= 0 && shared > 0; i-- {
			shared = min(shared, common(tokens[order[i]], tokens[order[i+1]]), len(tokens[order[i]])-1)
			if s := saved[i] + (j-i-1)*shared - worthSharing; s > saved[j] {
				saved[j], start[j], prefix[j] = s, i, shared
			}
		}
	}
	var all []group
	for j := len(order); j > 0; j = start[j] {
		members := slices.Sorted(slices.Values(order[start[j]:j]))
		all = append(all, group{members, prefix[j]})
	}
	slices.SortFunc(all, func(a, b group) int { return cmp.Compare(a.members[0], b.members[0]) })
	return all
}

// common returns the length of the longest common prefix of a and b.
func common(a, b []int32) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
