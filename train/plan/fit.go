package plan

import (
	"fmt"
	"strconv"

	"fettle/adapter"
	"fettle/data"
	"fettle/internal/compute"
	"fettle/train"
)

// Change is a setting that makes a run smaller.
type Change struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	Note  string `json:"note"`
}

// String returns the setting as a line of a configuration file.
func (c Change) String() string { return fmt.Sprintf("%-34s # %s", c.Key+": "+c.Value, c.Note) }

// Fit finds settings that bring the memory estimate of a run under a limit, first those that do not change the result.
// It returns the estimate with them, which is the smallest it found if no settings suffice. tokens counts the tokens of
// the data, ranks those of the machine that share the base, at least one.
func Fit(
	c train.Config, b Base, training, evaluation []data.Example, tokens, ranks int, limit int64,
) ([]Change, int64) {
	f := &fit{config: c, base: b, training: training, evaluation: evaluation, tokens: tokens, ranks: ranks, limit: limit}
	f.need = f.estimate()
	if f.config.Recompute != "all" {
		f.try("recompute", "all", "activations are computed twice instead of kept; same result, about a third slower",
			func() { f.config.Recompute = "all" })
	}
	f.cutBatches()
	if f.config.Type == adapter.TypeFull {
		f.try("finetuning_type", adapter.TypeLoRA, "an adapter instead of all weights",
			func() { f.config.Type = adapter.TypeLoRA })
	}
	if f.config.Type != adapter.TypeFull {
		f.quantize()
	}
	f.cutSequences()
	return f.changes, f.need
}

// fit is a search for smaller settings.
type fit struct {
	config               train.Config
	base                 Base
	training, evaluation []data.Example
	tokens, ranks        int
	limit, need          int64
	changes              []Change
}

func (f *fit) estimate() int64 {
	w := train.NewWorkload(f.config, f.training, f.evaluation)
	return Estimate(f.config, f.base, w, f.tokens).Together(f.ranks).Total()
}

// try changes a setting if the limit is not reached yet, and undoes it if that saves no memory. It reports whether the
// change stays.
func (f *fit) try(key, value, note string, set func()) bool {
	if f.need <= f.limit {
		return false
	}
	before := *f
	set()
	smaller := f.estimate()
	if smaller >= f.need {
		*f = before
		return false
	}
	f.need = smaller
	f.note(Change{key, value, note})
	return true
}

// note adds a change, or replaces the one of the same setting.
func (f *fit) note(c Change) {
	for i := range f.changes {
		if f.changes[i].Key == c.Key {
			f.changes[i] = c
			return
		}
	}
	f.changes = append(f.changes, c)
}

// cutBatches halves the micro-batches and leaves the sequences of a step as they are.
func (f *fit) cutBatches() {
	note := "smaller micro-batches, same step; same result"
	if f.config.SharePrefix == "true" {
		note += " up to rounding"
	}
	step := f.config.BatchSize * f.config.Accumulation
	for batch := f.config.BatchSize / 2; batch > 0; batch /= 2 {
		if step%batch != 0 {
			continue
		}
		if f.try("per_device_train_batch_size", strconv.Itoa(batch), note, func() {
			f.config.BatchSize, f.config.Accumulation = batch, step/batch
		}) {
			value := strconv.Itoa(step / batch)
			f.note(Change{"gradient_accumulation_steps", value, "as many sequences in a step as before"})
		}
	}
}

// quantize takes fewer bits for the frozen weights.
func (f *fit) quantize() {
	use := func(name, note string) {
		f.try("quantization", name, note, func() { f.config.Quantized = name })
	}
	if f.config.Quantized == compute.NotQuantized && f.config.Compute != compute.ModeInt8 {
		use(compute.QuantizeInt8, "the base is kept in 8 bits; close to the same result")
	}
	if f.config.Quantized != compute.QuantizeNF4 {
		use(compute.QuantizeNF4, "the base is kept in 4 bits (QLoRA)")
	}
}

// cutSequences halves max_seq_length while it is more than 64 tokens.
func (f *fit) cutSequences() {
	for cutoff := f.config.Cutoff; cutoff > 64; {
		cutoff /= 2
		stays := f.try("max_seq_length", strconv.Itoa(cutoff), "longer sequences are cut", func() {
			f.config.Cutoff = cutoff
			f.training, f.evaluation = clipped(f.training, cutoff), clipped(f.evaluation, cutoff)
		})
		if !stays && cutoff < 64 {
			return
		}
	}
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
