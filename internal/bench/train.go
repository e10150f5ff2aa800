package bench

import (
	"fmt"
	"io"
	"slices"
	"time"

	"fettle/adapter"
	"fettle/data/encode"
	"fettle/internal/fault"
	"fettle/internal/machine"
	"fettle/model"
	"fettle/train"
)

// Training are the settings of the benchmark of training steps.
type Training struct {
	Adapter   string   `yaml:"adapter" group:"method" alias:"finetuning_type" help:"lora or llama-adapter"`
	Rank      int      `yaml:"lora_rank" most:"65536" alias:"lora_r,r" help:"rank of LoRA"`
	Targets   []string `yaml:"lora_target_modules" alias:"lora_target,target_modules" help:"projections with LoRA"`
	Len       int      `yaml:"adapter_len" most:"65536" help:"vectors of LLaMA-Adapter's prompt"`
	Layers    int      `yaml:"adapter_layers" most:"65536" help:"layers with a prompt, from the top; 0: all but two"`
	Sequences int      `yaml:"sequences" most:"65536" group:"workload" help:"sequences that the tokens are cut into, packed; with dataset, sequences of a step"`
	Learned   float64  `yaml:"learned" most:"1" help:"fraction of the tokens that are learned, at the end of each sequence"`
	Recompute string   `yaml:"recompute" group:"compute" alias:"gradient_checkpointing" words:"true=all,false=none" help:"activations: none (kept) or all (recomputed)"`
	Dataset   []string `yaml:"dataset" path:"true" group:"workload" alias:"datasets,data_path,data" help:"files to learn instead of random tokens, in a fixed random order; tokens and learned are ignored then"`
	Recipe    string   `yaml:"recipe" path:"true" help:"recipe of the dataset's prompts and loss masks"`
	Tokenizer string   `yaml:"tokenizer_name" path:"true" help:"directory of the tokenizer, where dataset is set"`
	Share     string   `yaml:"share_prefix" group:"compute" help:"compute common prefixes of a step's sequences once: true, false, or auto as in training"`
}

// real reports whether the steps are of a data set.
func (s Training) real() bool { return len(s.Dataset) > 0 }

// Check returns an error if a setting is out of range; tokens is Settings.Tokens.
func (s Training) Check(tokens int) error {
	real := s.real()
	switch {
	case s.Rank < 1:
		return wrong("lora_rank is %d, want 1 or more", s.Rank)
	case s.Len < 1:
		return wrong("adapter_len is %d, want 1 or more", s.Len)
	case s.Layers < 0:
		return wrong("adapter_layers is %d, want 0 (as many as the method has) or more", s.Layers)
	case s.Sequences < 1 || !real && s.Sequences > tokens/2:
		return wrong("sequences is %d, want 1 to %d for %d tokens", s.Sequences, tokens/2, tokens)
	case real != (s.Tokenizer != ""):
		return wrong("dataset and tokenizer_name go together: files to learn from, and the directory of a tokenizer")
	case !slices.Contains([]string{"auto", "true", "false"}, s.Share):
		return wrong("share_prefix is %q, want auto, true, false", s.Share)
	case !(s.Learned > 0 && s.Learned <= 1):
		return wrong("learned is %v, want more than 0, at most 1", s.Learned)
	case s.Recompute != "none" && s.Recompute != "all":
		return wrong("recompute is %q, want none or all", s.Recompute)
	}
	return nil
}

// Train measures whole steps: gradients, an update of plain gradient descent, refresh. With a dataset, examples reads
// it for a model.
func Train(out io.Writer, b Settings, s Training, examples func(*model.Config) ([]encode.Example, error)) error {
	c, err := b.Config()
	if err != nil {
		return err
	}
	if n := (b.Tokens + s.Sequences - 1) / s.Sequences; n > c.MaxPositions && !s.real() {
		return wrong("sequences of %d tokens are longer than the model's %d positions", n, c.MaxPositions)
	}
	w, done, err := b.open(false)
	defer done()
	if err != nil {
		return err
	}
	run, err := train.Config{SharePrefix: s.Share}.ResolveSharePrefix(w.dev.Name(), c, 0)
	if err != nil {
		return err
	}
	s.Share = run.SharePrefix
	var read []encode.Example
	if s.real() {
		if read, err = examples(c); err != nil {
			return err
		}
	}
	steps, err := s.steps(b.Steps, b.Tokens, c, read)
	if err != nil {
		return err
	}
	base, err := b.model(w.dev)
	if err != nil {
		return err
	}
	set, err := s.adapter(base)
	if err != nil {
		return fault.Mark(err, fault.Usage)
	}
	adapted := set.Model()
	if s.Recompute == "none" {
		adapted.Keep(1 << 62)
	}
	if steps, err = measure(adapted, set, steps); err != nil {
		return err
	}
	return s.report(out, w, b, c, set, steps)
}

// measure takes the steps and returns all but the first, with their times.
func measure(m *model.Model, set *adapter.Set, steps []step) ([]step, error) {
	rows, targets := 0, 0
	for _, t := range steps {
		rows, targets = max(rows, t.Rows), max(targets, len(t.batch.Targets))
	}
	m.Reserve(rows, targets)
	for i := range steps {
		t := &steps[i]
		t.batch.Step = uint64(i)
		began, before := time.Now(), machine.CPUTime()
		if err := t.learn(m, set); err != nil {
			return nil, err
		}
		t.Seconds, t.Processor = max(time.Since(began), 1).Seconds(), max(machine.CPUTime()-before, 1).Seconds()
	}
	return steps[1:], nil
}

// learn takes a step of plain gradient descent.
func (t *step) learn(m *model.Model, set *adapter.Set) error {
	set.ZeroGrad()
	if _, err := m.Gradients(t.batch, model.Uniform(1/float64(max(1, t.learned())))); err != nil {
		return err
	}
	if err := set.Finish(); err != nil {
		return err
	}
	for _, p := range set.Params() {
		for i, g := range p.Grad {
			p.Data[i] -= 1e-4 * g
		}
	}
	return set.Refresh()
}

// report prints the results: rates are medians over the steps, sizes are means.
func (s Training) report(out io.Writer, w *bench, b Settings, c *model.Config, set *adapter.Set, steps []step) error {
	lowest, n := lowestLayer(set, c), len(steps)
	work := func(t step) float64 { return s.work(c, lowest, t.Rows, len(t.batch.Targets)) }
	tokens, learned, rows, all := 0, 0, 0, 0.0
	for _, t := range steps {
		tokens, learned, rows, all = tokens+t.tokens(), learned+t.learned(), rows+t.Rows, all+work(t)
	}
	tokens, learned, rows, all = tokens/n, learned/n, rows/n, all/float64(n)
	r, memory := ratedSteps(steps, work, w.top), machine.PeakMemory()
	if b.JSON {
		return emit(out, map[string]any{
			"machine": w.setup(), "shape": b.Shape, "tokens": tokens, "sequences": s.Sequences, "learned": learned,
			"rows":    rows,
			"adapter": s.Adapter, "trainable": set.Size(), "recompute": s.Recompute, "share_prefix": s.Share,
			"work_per_step": all, "step": r, "batches": steps, "peak_memory_bytes": memory,
		})
	}
	w.setup().print(out)
	fmt.Fprintf(out, "model    %s\n", Describe(b.Shape, c))
	fmt.Fprintf(out, "step     %d tokens in %d sequences, %d learned, %d rows computed; %s, %d trainable; recompute "+
		"%s\n", tokens, s.Sequences, learned, rows, s.Adapter, set.Size(), s.Recompute)
	fmt.Fprintf(out, "result   %.1f tokens/s, %.1f tokens per CPU-second; %.2f s a step (medians of %d)\n", r.Tokens,
		r.TokensCPU, r.Seconds, n)
	fmt.Fprintf(out, "         %.1f GFLOP per CPU-second, %.1f %% of the %s limit; %.1f GFLOP a step\n", r.Work/1e9,
		100*r.Share, w.mode, all/1e9)
	fmt.Fprintf(out, "memory   %s at most\n", gib(memory))
	return nil
}

// adapter makes an adapter without zeros, so that no product may be skipped.
func (s Training) adapter(m *model.Model) (*adapter.Set, error) {
	method, err := adapter.Methods{
		LoRA:         adapter.LoRA{Rank: s.Rank, Alpha: 2 * float64(s.Rank), Targets: s.Targets},
		LLaMAAdapter: adapter.LLaMAAdapter{Len: s.Len, Layers: s.Layers, Gate: adapter.PerHead, GateActivation: adapter.Tanh},
	}.Find(s.Adapter)
	if err != nil {
		return nil, err
	}
	set, err := adapter.New(method, m, 1)
	if err != nil {
		return nil, err
	}
	for _, p := range set.Params() {
		for i := range p.Data {
			if p.Data[i] == 0 {
				p.Data[i] = 1e-3
			}
		}
	}
	return set, set.Refresh()
}
