package tokenizer

import "container/heap"

// symbol is a run of text, an element of a linked list of runs that may still merge.
type symbol struct {
	at, len    int32 // len 0: merged into its left neighbour
	prev, next int32 // -1: none
	id         int32 // its piece, -1: none
	to         int32 // the piece that it and its right neighbour merge to, -1: none
	score      float32
}

// smallWord bounds the number of symbols for which search is faster than queue.
const smallWord = 24

// merge joins neighbours until no pair makes a piece: the pair with the highest score first, the leftmost of equals.
func (b *bpe) merge(symbols []symbol, text string) {
	if len(symbols) <= smallWord {
		b.search(symbols, text)
	} else {
		b.queue(symbols, text)
	}
}

// search merges by scanning the list for the best pair, again and again, in n² steps. It is queue's plain twin.
func (b *bpe) search(symbols []symbol, text string) {
	for i := range symbols {
		b.rate(symbols, int32(i), text)
	}
	for {
		best := int32(-1)
		for i := int32(0); i >= 0; i = symbols[i].next {
			if symbols[i].to >= 0 && (best < 0 || symbols[i].score > symbols[best].score) {
				best = i
			}
		}
		if best < 0 {
			return
		}
		join(symbols, best)
		b.rate(symbols, best, text)
		b.rate(symbols, symbols[best].prev, text)
	}
}

// rate computes the piece and the score that symbol i and its right neighbour merge to.
func (b *bpe) rate(symbols []symbol, i int32, text string) bool {
	if i < 0 {
		return false
	}
	s := &symbols[i]
	s.to = -1
	if s.next < 0 {
		return false
	}
	right := &symbols[s.next]
	id, score, ok := b.pair(text[s.at:right.at+right.len], s.id, right.id)
	if ok {
		s.to, s.score = id, score
	}
	return ok
}

// join merges symbol i with its right neighbour.
func join(symbols []symbol, i int32) {
	s, right := &symbols[i], &symbols[symbols[i].next]
	s.id = s.to
	s.len += right.len
	s.next = right.next
	if s.next >= 0 {
		symbols[s.next].prev = i
	}
	right.len = 0
}

// candidate is a pair that may merge: its left symbol and its length when it was pushed. A pair whose length has
// changed since is outdated.
type candidate struct {
	left, len int32
	score     float32
}

type candidates []candidate

func (c candidates) Len() int { return len(c) }
func (c candidates) Less(i, j int) bool {
	return c[i].score > c[j].score || c[i].score == c[j].score && c[i].left < c[j].left
}
func (c candidates) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c *candidates) Push(x any)   { *c = append(*c, x.(candidate)) }
func (c *candidates) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}

// queue merges with a heap of candidates, in n·log n steps.
func (b *bpe) queue(symbols []symbol, text string) {
	var q candidates
	length := func(i int32) int32 { return symbols[i].len + symbols[symbols[i].next].len }
	for i := range symbols {
		if i := int32(i); b.rate(symbols, i, text) {
			q = append(q, candidate{i, length(i), symbols[i].score})
		}
	}
	heap.Init(&q)
	for len(q) > 0 {
		c := heap.Pop(&q).(candidate)
		if s := symbols[c.left]; s.len == 0 || s.next < 0 || length(c.left) != c.len {
			continue
		}
		join(symbols, c.left)
		for _, i := range [2]int32{symbols[c.left].prev, c.left} {
			if b.rate(symbols, i, text) {
				heap.Push(&q, candidate{i, length(i), symbols[i].score})
			}
		}
	}
}
