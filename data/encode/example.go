package encode

import (
	"encoding/binary"
	"hash"
	"iter"
)

// Ignore labels a token that is not learned.
const Ignore = -100

// Sequence is a text as tokens. Labels are aligned with Tokens and not shifted: Labels[t] is Tokens[t] where that
// token is learned, otherwise Ignore.
type Sequence struct {
	Tokens []int32
	Labels []int32
}

// Learned counts the learned tokens. The first token has nothing before it and is never learned.
func (s Sequence) Learned() int {
	n := 0
	for i, l := range s.Labels {
		if i > 0 && l != Ignore {
			n++
		}
	}
	return n
}

// Example is one encoded row of a set: a sequence, or several whose likelihoods a loss compares, such as a chosen
// answer and a rejected one.
type Example struct {
	Tokens []int32 // with Labels, the first sequence
	Labels []int32
	Others []Sequence // the sequences after the first
	Source string     // file:line for messages
}

// Sequences iterates over the example's sequences.
func (e Example) Sequences() iter.Seq[Sequence] {
	return func(yield func(Sequence) bool) {
		if !yield(Sequence{e.Tokens, e.Labels}) {
			return
		}
		for _, s := range e.Others {
			if !yield(s) {
				return
			}
		}
	}
}

// Len counts the tokens of all sequences.
func (e Example) Len() int {
	n := 0
	for s := range e.Sequences() {
		n += len(s.Tokens)
	}
	return n
}

// Learned counts the learned tokens of all sequences.
func (e Example) Learned() int {
	n := 0
	for s := range e.Sequences() {
		n += s.Learned()
	}
	return n
}

// Hash adds tokens and labels of all sequences to h.
func (e Example) Hash(h hash.Hash) {
	if len(e.Others) > 0 {
		binary.Write(h, binary.LittleEndian, int64(-len(e.Others)))
	}
	for s := range e.Sequences() {
		binary.Write(h, binary.LittleEndian, int64(len(s.Tokens)))
		binary.Write(h, binary.LittleEndian, s.Tokens)
		binary.Write(h, binary.LittleEndian, s.Labels)
	}
}
