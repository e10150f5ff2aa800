package data

import (
	"fmt"
	"iter"

	"fettle/data/source"
)

// selection returns how often each record of a file is taken, nil for all of them once: those of its split, or
// the First of these, or Samples of these, which are drawn at random. Where there are fewer, all are taken and the
// others drawn with replacement, as LLaMA-Factory does.
func selection(f source.File, r *source.Reader, seed uint64) ([]int, error) {
	if f.Samples == 0 && f.First == 0 && (f.Split == "" || f.Split == "train") {
		return nil, nil
	}
	n, err := r.Count()
	if err != nil {
		return nil, err
	}
	rows, err := source.SplitRows(f.Split, n)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Path, err)
	}
	if f.First > 0 {
		rows = rows[:min(f.First, len(rows))]
	}
	times := make([]int, n)
	if f.Samples == 0 || f.Samples >= len(rows) {
		for _, i := range rows {
			times[i] = 1
		}
	} else {
		for _, i := range Order(len(rows), seed, 0)[:f.Samples] {
			times[rows[i]] = 1
		}
	}
	for i := len(rows); i < f.Samples; i++ {
		times[rows[next(next(seed)+uint64(i))%uint64(len(rows))]]++
	}
	return times, nil
}

// take yields the records of a selection once each, and notes the sources of those taken more often.
func take(records iter.Seq2[source.Record, error], times []int, more map[string]int) iter.Seq2[source.Record, error] {
	if times == nil {
		return records
	}
	return func(yield func(source.Record, error) bool) {
		i := 0
		for r, err := range records {
			if err == nil {
				n := 0
				if i < len(times) {
					n = times[i]
				}
				if i++; n == 0 {
					continue
				}
				if n > 1 {
					more[r.Source()] = n
				}
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// multiply repeats the examples of rows that are taken more than once.
func multiply(examples []Example, times map[string]int) []Example {
	if len(times) == 0 {
		return examples
	}
	var out []Example
	for _, e := range examples {
		for range max(times[e.Source], 1) {
			out = append(out, e)
		}
	}
	return out
}
