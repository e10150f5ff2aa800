package data

import "fmt"

// Stream strings examples together and cuts the string into sequences of
// length predictions, as EasyLM does for Koala: a sequence begins with the
// token that the one before ended with, so every token but the very first is
// predicted exactly once. Sequences see across the borders of examples.
func Stream(examples []Example, length int) []Example {
	var whole Example
	for _, e := range examples {
		whole.Tokens = append(whole.Tokens, e.Tokens...)
		whole.Labels = append(whole.Labels, e.Labels...)
	}
	var out []Example
	for at := 0; at+1 < len(whole.Tokens); at += length {
		end := min(at+length+1, len(whole.Tokens))
		e := Example{Tokens: whole.Tokens[at:end:end], Labels: append([]int32(nil), whole.Labels[at:end]...), Source: fmt.Sprint("stream:", len(out)+1)}
		e.Labels[0] = Ignore
		out = append(out, e)
	}
	return out
}

// Batches groups examples, in the given order, so that no group has more than
// budget tokens, unless one example alone does. Every example is in one group.
func Batches(examples []Example, order []int, budget int) [][]int {
	var out [][]int
	room := 0
	for _, i := range order {
		n := len(examples[i].Tokens)
		if len(out) == 0 || n > room {
			out = append(out, nil)
			room = budget
		}
		out[len(out)-1] = append(out[len(out)-1], i)
		room -= n
	}
	return out
}
