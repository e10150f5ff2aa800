package bench

import (
	"slices"

	"fettle/data"
	"fettle/data/encode"
	"fettle/model"
	"fettle/train"
)

// step is a training step to measure.
type step struct {
	Lengths   []int   `json:"tokens"`  // of its sequences
	Learning  []int   `json:"learned"` // tokens of them
	Rows      int     `json:"rows"`    // computed; fewer than tokens if prefixes are shared
	Seconds   float64 `json:"seconds"`
	Processor float64 `json:"cpu_seconds"`

	batch *model.Batch
}

// newStep packs sequences into a micro-batch.
func newStep(ids, labels [][]int32, share bool) step {
	pack := model.Pack
	if share {
		pack = model.PackShared
	}
	s := step{batch: pack(ids, labels)}
	for i := range ids {
		s.Lengths = append(s.Lengths, len(ids[i]))
		s.Learning = append(s.Learning, encode.Example{Tokens: ids[i], Labels: labels[i]}.Learned())
	}
	s.batch.Train, s.batch.Seed, s.Rows = true, 1, len(s.batch.Tokens)
	return s
}

// tokens counts the tokens of the data, shared or not.
func (s step) tokens() int { return total(s.Lengths) }

func (s step) learned() int { return total(s.Learning) }

// steps makes n steps and one before them to warm up: of the first examples in a fixed random order, or if there are
// none, of the same random tokens every time.
func (s Training) steps(n, tokens int, c *model.Config, examples []encode.Example) ([]step, error) {
	share := s.Share == "true"
	if !s.real() {
		ids, labels := s.sequences(tokens, c.Vocab)
		return slices.Repeat([]step{newStep(ids, labels, share)}, n+1), nil
	}
	if have := len(examples) / s.Sequences; have < n+1 {
		return nil, wrong("%d examples are %d whole steps of %d sequences, want %d for %d steps and one to warm up",
			len(examples), have, s.Sequences, n+1, n)
	}
	var out []step
	order := data.Order(len(examples), train.Defaults().Seed, 0)
	for which := range slices.Chunk(order[:(n+1)*s.Sequences], s.Sequences) {
		var ids, labels [][]int32
		for _, i := range which {
			ids, labels = append(ids, examples[i].Tokens), append(labels, examples[i].Labels)
		}
		out = append(out, newStep(ids, labels, share))
	}
	return out, nil
}

// sequences cuts random tokens into sequences of about the same length.
func (s Training) sequences(tokens, vocab int) (ids, labels [][]int32) {
	for i := range s.Sequences {
		n := (i+1)*tokens/s.Sequences - i*tokens/s.Sequences
		t, l := make([]int32, n), make([]int32, n)
		for j := range t {
			t[j] = int32((i*7919 + j*104729 + 3) % vocab)
			l[j] = t[j]
			if float64(j) < (1-s.Learned)*float64(n) {
				l[j] = model.Ignore
			}
		}
		ids, labels = append(ids, t), append(labels, l)
	}
	return ids, labels
}

// total adds up.
func total(x []int) (sum int) {
	for _, v := range x {
		sum += v
	}
	return sum
}
