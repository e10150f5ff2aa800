package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fettle/adapter"
	"fettle/internal/machine"
	"fettle/model"
	"fettle/train"
)

// stepping are the settings of bench train.
type stepping struct {
	Adapter   string   `yaml:"adapter" alias:"finetuning_type" help:"lora or llama-adapter"`
	Rank      int      `yaml:"lora_rank" alias:"lora_r,r" help:"rank of LoRA"`
	Targets   []string `yaml:"lora_target_modules" alias:"lora_target,target_modules" help:"projections with LoRA"`
	Len       int      `yaml:"adapter_len" help:"vectors of LLaMA-Adapter's prompt"`
	Layers    int      `yaml:"adapter_layers" help:"layers with a prompt, from the top; 0: all but two"`
	Sequences int      `yaml:"sequences" help:"sequences that the tokens are cut into, packed; with dataset, sequences of a step"`
	Learned   float64  `yaml:"learned" help:"fraction of the tokens that are learned, at the end of each sequence"`
	Recompute string   `yaml:"recompute" alias:"gradient_checkpointing" help:"activations: none (kept) or all (recomputed)"`
	Dataset   []string `yaml:"dataset" alias:"datasets,data_path,data" help:"instead of random tokens: files whose sequences, in an order drawn by a fixed seed, are learned; tokens and learned do not count then"`
	Recipe    string   `yaml:"recipe" help:"whose prompts and masks the dataset gets"`
	Tokenizer string   `yaml:"tokenizer_name" help:"directory of the tokenizer, where dataset is set"`
	Share     string   `yaml:"share_prefix" help:"compute once what sequences of a step begin with alike: true, false, or auto as in training"`
}

func (s stepping) check(tokens int) error {
	real := len(s.Dataset) > 0
	switch {
	case s.Sequences < 1 || !real && s.Sequences > tokens/2:
		return usage(fmt.Errorf("sequences is %d, want 1 to %d for %d tokens", s.Sequences, tokens/2, tokens))
	case real != (s.Tokenizer != ""):
		return usage(errors.New("dataset and tokenizer_name go together: files to learn from, and the directory of a tokenizer"))
	case !slices.Contains([]string{"auto", "true", "false"}, s.Share):
		return usage(fmt.Errorf("share_prefix is %q, want auto, true, false", s.Share))
	case !(s.Learned > 0 && s.Learned <= 1):
		return usage(fmt.Errorf("learned is %v, want more than 0, at most 1", s.Learned))
	case s.Recompute != "none" && s.Recompute != "all":
		return usage(fmt.Errorf("recompute is %q, want none or all", s.Recompute))
	}
	return nil
}

func newBenchTrain() *cobra.Command {
	b := benching{Shape: "1b", DType: "bf16", Compute: "auto", Quantized: "none", Tokens: 512, Steps: 5}
	s := stepping{Adapter: adapter.LoRA, Rank: 8, Targets: []string{"q_proj", "v_proj"}, Len: 10, Sequences: 1, Learned: 1, Recompute: "none", Recipe: "alpaca", Share: "auto"}
	cmd := &cobra.Command{
		Use:   "train",
		Short: "Training steps on random tokens, or on a data set",
		Example: `  fettle bench train --shape 7b --tokens 2048 --sequences 4
  fettle bench train --shape 1b --dataset alpaca.json --tokenizer_name models/llama-7b --sequences 4`,
		Args: cobra.NoArgs,
	}
	from := addSettings(cmd, &b, &s)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := load(cmd, from); err != nil {
			return err
		}
		if err := b.check(); err != nil {
			return err
		}
		if err := s.check(b.Tokens); err != nil {
			return err
		}
		return benchTrain(cmd, b, s)
	}
	return cmd
}

// benchTrain measures whole steps: gradients, a plain update, refresh.
func benchTrain(cmd *cobra.Command, b benching, s stepping) error {
	c, err := b.config()
	if err != nil {
		return err
	}
	if n := (b.Tokens + s.Sequences - 1) / s.Sequences; n > c.MaxPositions && len(s.Dataset) == 0 {
		return usage(fmt.Errorf("sequences of %d tokens are longer than the model's %d positions", n, c.MaxPositions))
	}
	w, done, err := b.open()
	defer done()
	if err != nil {
		return err
	}
	run, err := train.Config{SharePrefix: s.Share}.ResolveSharePrefix(w.dev.Name(), 0)
	if err != nil {
		return err
	}
	s.Share = run.SharePrefix
	stints, err := s.stints(b.Steps, b.Tokens, c)
	if err != nil {
		return err
	}
	base, err := b.model(w.dev)
	if err != nil {
		return err
	}
	set, err := s.adapter(base)
	if err != nil {
		return usage(err)
	}
	if s.Recompute == "none" {
		base.Keep(1 << 62)
	}
	if stints, err = measure(base.With(set.Delta), set, stints); err != nil {
		return err
	}
	return s.report(cmd.OutOrStdout(), w, b, c, set, stints)
}

// measure takes the steps and returns all but the first, with their times.
func measure(m *model.Model, set *adapter.Set, stints []stint) ([]stint, error) {
	rows, targets := 0, 0
	for _, t := range stints {
		rows, targets = max(rows, t.Rows), max(targets, len(t.batch.Targets))
	}
	m.Reserve(rows, targets)
	for i := range stints {
		t := &stints[i]
		t.batch.Step = uint64(i)
		began, before := time.Now(), machine.CPUTime()
		if err := t.learn(m, set); err != nil {
			return nil, err
		}
		t.Seconds, t.Processor = max(time.Since(began), 1).Seconds(), max(machine.CPUTime()-before, 1).Seconds()
	}
	return stints[1:], nil
}

// learn is a step of plain gradient descent.
func (t *stint) learn(m *model.Model, set *adapter.Set) error {
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

// report prints what the steps came to: rates are medians, sizes means.
func (s stepping) report(out io.Writer, w *workbench, b benching, c *model.Config, set *adapter.Set, steps []stint) error {
	lowest, n := lowestLayer(set, c), len(steps)
	work := func(t stint) float64 { return s.work(c, lowest, t.Rows, len(t.batch.Targets)) }
	tokens, learned, rows, all := 0, 0, 0, 0.0
	for _, t := range steps {
		tokens, learned, rows, all = tokens+t.tokens(), learned+t.learned(), rows+t.Rows, all+work(t)
	}
	tokens, learned, rows, all = tokens/n, learned/n, rows/n, all/float64(n)
	r, memory := ratedSteps(steps, work, w.top), machine.PeakMemory()
	if b.JSON {
		return emit(out, map[string]any{
			"machine": w.setup(), "shape": b.Shape, "tokens": tokens, "sequences": s.Sequences, "learned": learned, "rows": rows,
			"adapter": s.Adapter, "trainable": set.Size(), "recompute": s.Recompute, "share_prefix": s.Share, "work_per_step": all, "step": r,
			"batches": steps, "peak_memory_bytes": memory,
		})
	}
	w.setup().print(out)
	fmt.Fprintf(out, "model    %s\n", describe(b.Shape, c))
	fmt.Fprintf(out, "step     %d tokens in %d sequences, %d learned, %d rows computed; %s, %d trainable; recompute %s\n", tokens, s.Sequences, learned, rows, s.Adapter, set.Size(), s.Recompute)
	fmt.Fprintf(out, "result   %.1f tokens/s, %.1f tokens per CPU-second; %.2f s a step (medians of %d)\n", r.Tokens, r.TokensCPU, r.Seconds, n)
	fmt.Fprintf(out, "         %.1f GFLOP per CPU-second, %.1f %% of the %s limit; %.1f GFLOP a step\n", r.Work/1e9, 100*r.Share, w.mode, all/1e9)
	fmt.Fprintf(out, "memory   %s at most\n", gib(memory))
	return nil
}

func (s stepping) adapter(m *model.Model) (*adapter.Set, error) {
	c := adapter.Config{Type: s.Adapter}
	if s.Adapter == adapter.LLaMAAdapter {
		c.Len, c.Layers, c.Gate, c.GateActivation = s.Len, s.Layers, adapter.PerHead, adapter.Tanh
		if c.Layers == 0 {
			c.Layers = max(1, m.Config().Layers-2)
		}
	} else {
		c.R, c.Alpha, c.Targets = s.Rank, 2*float64(s.Rank), s.Targets
		if strings.HasPrefix(strings.Join(s.Targets, ""), "all") {
			c.Targets = []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
		}
	}
	set, err := adapter.New(c, m, 1)
	if err != nil {
		return nil, err
	}
	for _, p := range set.Params() { // not zero: nothing may be skipped
		for i := range p.Data {
			if p.Data[i] == 0 {
				p.Data[i] = 1e-3
			}
		}
	}
	return set, set.Refresh()
}

// lowestLayer is where the backward pass ends.
func lowestLayer(set *adapter.Set, c *model.Config) int {
	for l := range c.Layers {
		for _, p := range model.Places() {
			if set.Delta(model.Site{Layer: l, At: p}) != nil {
				return l
			}
		}
	}
	return c.Layers
}

// work counts the operations of a step's products with frozen weights: forward,
// the gradient of every input that something adapted is below of, and what is
// computed again.
func (s stepping) work(c *model.Config, lowest, tokens, learned int) float64 {
	blocks, head := matrices(c)
	layer, n := blocks/float64(c.Layers), float64(tokens)
	into := 0.0 // q, k and v of the lowest adapted layer: nothing below needs their input's gradient
	for _, p := range []model.Place{model.QProj, model.KProj, model.VProj} {
		a, b := projection(c, p)
		into += float64(a * b)
	}
	learning := float64(c.Layers - lowest)
	work := 2*n*blocks + 4*float64(learned)*head + 2*n*(learning*layer-into)
	if s.Recompute == "all" {
		work += 2 * n * (learning - 1) * layer
	}
	return work
}
