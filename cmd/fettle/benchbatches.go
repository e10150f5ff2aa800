package main

import (
	"fmt"
	"slices"

	"fettle/data"
	"fettle/model"
	"fettle/model/chat"
	"fettle/model/tokenizer"
	"fettle/train"
)

// stint is a step to be measured.
type stint struct {
	Lengths   []int   `json:"tokens"`  // of its sequences
	Learning  []int   `json:"learned"` // tokens of them
	Rows      int     `json:"rows"`    // computed; fewer than tokens where beginnings are shared
	Seconds   float64 `json:"seconds"`
	Processor float64 `json:"cpu_seconds"`

	batch *model.Batch
}

func newStint(ids, labels [][]int32, share bool) stint {
	pack := model.Pack
	if share {
		pack = model.PackShared
	}
	s := stint{batch: pack(ids, labels)}
	for i := range ids {
		s.Lengths = append(s.Lengths, len(ids[i]))
		s.Learning = append(s.Learning, data.Example{Tokens: ids[i], Labels: labels[i]}.Learned())
	}
	s.batch.Train, s.batch.Seed, s.Rows = true, 1, len(s.batch.Tokens)
	return s
}

// tokens are those of the data, however many rows they take.
func (s stint) tokens() int { return total(s.Lengths) }

func (s stint) learned() int { return total(s.Learning) }

// stints are n steps and the one before them that warms up: the first
// sequences of a data set in an order drawn by chance, or n times the same
// random tokens.
func (s stepping) stints(n, tokens int, c *model.Config) ([]stint, error) {
	if len(s.Dataset) == 0 {
		ids, labels := s.sequences(tokens, c.Vocab)
		return slices.Repeat([]stint{newStint(ids, labels, s.Share == "true")}, n+1), nil
	}
	all, err := s.examples(c)
	if err != nil {
		return nil, err
	}
	if have := len(all) / s.Sequences; have < n+1 {
		return nil, usage(fmt.Errorf("%d examples are %d whole steps of %d sequences, want %d for %d steps and one to warm up", len(all), have, s.Sequences, n+1, n))
	}
	var out []stint
	order := data.Order(len(all), train.Defaults().Seed, 0)
	for which := range slices.Chunk(order[:(n+1)*s.Sequences], s.Sequences) {
		var ids, labels [][]int32
		for _, i := range which {
			ids, labels = append(ids, all[i].Tokens), append(labels, all[i].Labels)
		}
		out = append(out, newStint(ids, labels, s.Share == "true"))
	}
	return out, nil
}

// sequences are tokens in sequences of about the same length.
func (s stepping) sequences(tokens, vocab int) (ids, labels [][]int32) {
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

// examples encodes the data set as training would.
func (s stepping) examples(c *model.Config) ([]data.Example, error) {
	tok, err := tokenizer.Load(s.Tokenizer)
	if err != nil {
		return nil, input(err)
	}
	if tok.Size() > c.Vocab {
		return nil, input(fmt.Errorf("load tokenizer: it has %d tokens, the shape only %d", tok.Size(), c.Vocab))
	}
	recipe, _, err := chat.FindRecipe(s.Recipe, tok, s.Tokenizer)
	if err != nil {
		return nil, err
	}
	run := train.Defaults()
	run.Dataset, run.Cutoff = s.Dataset, min(recipe.Cutoff, c.MaxPositions)
	options, files, err := dataOptions(&run)
	if err != nil {
		return nil, err
	}
	set, err := data.Load(tok, recipe, files, options)
	if err != nil {
		return nil, input(err)
	}
	return set.Examples, nil
}

// ratedSteps are medians over the steps; work is what a step's products need.
func ratedSteps(steps []stint, work func(stint) float64, peak float64) rate {
	median := func(of func(stint) float64) float64 {
		var all []float64
		for _, s := range steps {
			all = append(all, of(s))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	r := rate{
		Tokens:    median(func(s stint) float64 { return float64(s.tokens()) / s.Seconds }),
		TokensCPU: median(func(s stint) float64 { return float64(s.tokens()) / s.Processor }),
		Work:      median(func(s stint) float64 { return work(s) / s.Processor }),
		Seconds:   median(func(s stint) float64 { return s.Seconds }), Processor: median(func(s stint) float64 { return s.Processor }),
		Repetitions: len(steps),
	}
	if peak > 0 {
		r.Share = r.Work / peak
	}
	return r
}

func total(x []int) (sum int) {
	for _, v := range x {
		sum += v
	}
	return sum
}
