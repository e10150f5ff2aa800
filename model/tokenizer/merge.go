package tokenizer

import (
	"container/heap"
	"errors"
	"strings"
	"unicode/utf8"
)

// merger is SentencePiece's BPE: of all adjacent pairs whose concatenation is
// a piece, the one with the highest score merges first, the leftmost among
// equals. Sennrich et al. 2016, arXiv:1508.07909.
type merger struct {
	pieces []piece
	ids    map[string]int32
	bytes  [256]int32 // -1: no such piece
	unk    int32
	words  bool // no piece goes on behind a space: words merge on their own
}

func newMerger(pieces []piece) (*merger, error) {
	m := &merger{pieces: pieces, ids: make(map[string]int32, len(pieces)), unk: -1, words: true}
	for i := range m.bytes {
		m.bytes[i] = -1
	}
	for id, p := range pieces {
		switch p.kind {
		case normal, userDefined:
			if _, ok := m.ids[p.name]; ok {
				return nil, errors.New("the piece " + p.name + " occurs twice")
			}
			m.ids[p.name] = int32(id)
			if strings.Contains(strings.TrimLeft(p.name, space), space) {
				m.words = false
			}
		case byteValue:
			m.bytes[p.text[0]] = int32(id)
		case unknown:
			m.unk = int32(id)
		}
	}
	if m.unk < 0 {
		return nil, errors.New("there is no <unk> piece")
	}
	return m, nil
}

// encode merges escaped text. Where no piece has a space after another
// character, a word and the spaces before it can be merged by themselves.
func (m *merger) encode(text string) []int32 {
	out := make([]int32, 0, len(text)/3+2)
	if !m.words {
		return m.merge(out, text)
	}
	for text != "" {
		end := len(text)
		lead := len(text) - len(strings.TrimLeft(text, space))
		if i := strings.Index(text[lead:], space); i >= 0 {
			end = lead + i
		}
		out = m.merge(out, text[:end])
		text = text[end:]
	}
	return out
}

// symbol is a run of text in the list of what is not merged yet.
type symbol struct {
	at, len    int // len 0: merged into its left neighbour
	prev, next int
}

// smallWord is up to how many symbols the plain search for the best pair is
// quicker than a heap.
const smallWord = 24

// merge appends the pieces of text to out.
func (m *merger) merge(out []int32, text string) []int32 {
	var few [smallWord]symbol
	symbols := few[:0]
	for at := 0; at < len(text); {
		_, n := utf8.DecodeRuneInString(text[at:])
		symbols = append(symbols, symbol{at, n, len(symbols) - 1, len(symbols) + 1})
		at += n
	}
	symbols[len(symbols)-1].next = -1
	if len(symbols) <= smallWord {
		m.search(symbols, text)
	} else {
		m.queue(symbols, text)
	}
	for i := 0; i >= 0; i = symbols[i].next {
		s := symbols[i]
		out = m.emit(out, text[s.at:s.at+s.len])
	}
	return out
}

// search merges the best pair again and again; the plain twin of queue.
func (m *merger) search(symbols []symbol, text string) {
	for {
		best, score := -1, float32(0)
		for i := 0; symbols[i].next >= 0; i = symbols[i].next {
			if id, ok := m.pair(symbols, i, text); ok && (best < 0 || m.pieces[id].score > score) {
				best, score = i, m.pieces[id].score
			}
		}
		if best < 0 {
			return
		}
		join(symbols, best)
	}
}

// pair is the piece that symbol i and its right neighbour make.
func (m *merger) pair(symbols []symbol, i int, text string) (int32, bool) {
	s := symbols[i]
	if s.next < 0 {
		return 0, false
	}
	id, ok := m.ids[text[s.at:s.at+s.len+symbols[s.next].len]]
	return id, ok
}

// join merges symbol i with its right neighbour.
func join(symbols []symbol, i int) {
	right := symbols[i].next
	symbols[i].len += symbols[right].len
	symbols[i].next = symbols[right].next
	if symbols[i].next >= 0 {
		symbols[symbols[i].next].prev = i
	}
	symbols[right].len = 0
}

// candidate is a pair that could merge: left is its first symbol, len its
// length when it was found, by which outdated ones are known.
type candidate struct {
	left, len int
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

// queue merges with a heap of candidates: n·log n for any text.
func (m *merger) queue(symbols []symbol, text string) {
	var q candidates
	add := func(i int) {
		if i < 0 {
			return
		}
		if id, ok := m.pair(symbols, i, text); ok {
			heap.Push(&q, candidate{i, symbols[i].len + symbols[symbols[i].next].len, m.pieces[id].score})
		}
	}
	for i := range symbols {
		add(i)
	}
	for len(q) > 0 {
		c := heap.Pop(&q).(candidate)
		s := symbols[c.left]
		if s.len == 0 || s.next < 0 || s.len+symbols[s.next].len != c.len {
			continue
		}
		join(symbols, c.left)
		add(s.prev)
		add(c.left)
	}
}

// emit appends the piece a symbol is, or its bytes.
func (m *merger) emit(out []int32, text string) []int32 {
	if id, ok := m.ids[text]; ok {
		return append(out, id)
	}
	for i := range len(text) {
		if m.bytes[text[i]] < 0 {
			if n := len(out); n > 0 && out[n-1] == m.unk {
				return out // SentencePiece joins neighbouring unknown characters
			}
			return append(out, m.unk)
		}
	}
	for i := range len(text) {
		out = append(out, m.bytes[text[i]])
	}
	return out
}
