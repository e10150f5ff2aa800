package plan

import (
	"fmt"
	"strconv"

	"fettle/adapter"
	"fettle/data"
	"fettle/internal/compute"
	"fettle/train"
)

// Change is a setting that would make a run smaller.
type Change struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	Note  string `json:"note"`
}

// String is the setting as a line of a config.
func (c Change) String() string { return fmt.Sprintf("%-34s # %s", c.Key+": "+c.Value, c.Note) }

// Fit finds the settings that bring a run's memory under a limit, those that
// change no bit of the result first. It reports the memory they would need;
// where nothing does, the smallest it found.
func Fit(c train.Config, b Base, training, evaluation []data.Example, tokens int, limit int64) (changes []Change, need int64) {
	measure := func() int64 { return Estimate(c, b, train.NewWorkload(c, training, evaluation), tokens).Total() }
	need = measure()
	try := func(key, value, note string, set func()) {
		if need <= limit {
			return
		}
		before := c
		set()
		smaller := measure()
		if smaller >= need {
			c = before
			return
		}
		need = smaller
		changes = with(changes, Change{key, value, note})
	}
	if c.Recompute != "all" {
		try("recompute", "all", "activations are computed twice instead of kept; same result, about a third slower", func() { c.Recompute = "all" })
	}
	same := "same result"
	if c.SharePrefix == "true" {
		same += " up to rounding"
	}
	for batch := c.BatchSize; batch > 1 && need > limit; {
		if batch /= 2; (c.BatchSize*c.Accumulation)%batch != 0 {
			continue
		}
		accumulation := c.BatchSize * c.Accumulation / batch
		try("per_device_train_batch_size", strconv.Itoa(batch), "smaller micro-batches, same step; "+same, func() {
			c.BatchSize, c.Accumulation = batch, accumulation
		})
		if c.BatchSize == batch {
			changes = with(changes, Change{"gradient_accumulation_steps", strconv.Itoa(accumulation), "as many sequences in a step as before"})
		}
	}
	if c.Type == adapter.TypeFull {
		try("finetuning_type", adapter.TypeLoRA, "an adapter instead of all weights", func() { c.Type = adapter.TypeLoRA })
	}
	if c.Quantized == compute.NotQuantized && c.Type != adapter.TypeFull && c.Compute != compute.ModeInt8 {
		try("quantization", compute.QuantizeInt8, "the base is kept in 8 bits; close to the same result", func() { c.Quantized = compute.QuantizeInt8 })
	}
	if c.Quantized != compute.QuantizeNF4 && c.Type != adapter.TypeFull {
		try("quantization", compute.QuantizeNF4, "the base is kept in 4 bits (QLoRA)", func() { c.Quantized = compute.QuantizeNF4 })
	}
	for c.Cutoff > 64 && need > limit {
		cutoff := c.Cutoff / 2
		whole := training
		try("max_seq_length", strconv.Itoa(cutoff), "longer sequences are cut", func() {
			c.Cutoff, training, evaluation = cutoff, clipped(training, cutoff), clipped(evaluation, cutoff)
		})
		if c.Cutoff != cutoff {
			if training = whole; cutoff < 64 {
				break
			}
			c.Cutoff = cutoff // nothing was that long
		}
	}
	return changes, need
}

// with adds a change, or replaces the one of the same setting.
func with(all []Change, c Change) []Change {
	for i := range all {
		if all[i].Key == c.Key {
			all[i] = c
			return all
		}
	}
	return append(all, c)
}

// clipped returns the examples with their sequences cut to n tokens.
func clipped(all []data.Example, n int) []data.Example {
	out := make([]data.Example, len(all))
	for i, e := range all {
		out[i].Source = e.Source
		for s := range e.Sequences() {
			k := min(n, len(s.Tokens))
			s.Tokens, s.Labels = s.Tokens[:k], s.Labels[:k]
			if out[i].Tokens == nil {
				out[i].Tokens, out[i].Labels = s.Tokens, s.Labels
			} else {
				out[i].Others = append(out[i].Others, s)
			}
		}
	}
	return out
}
