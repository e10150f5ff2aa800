package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"fettle/adapter"
	"fettle/model"
)

// stepping are the settings of bench train.
type stepping struct {
	Adapter   string   `yaml:"adapter" alias:"finetuning_type" help:"lora or llama-adapter"`
	Rank      int      `yaml:"lora_rank" alias:"lora_r,r" help:"rank of LoRA"`
	Targets   []string `yaml:"lora_target_modules" alias:"lora_target,target_modules" help:"projections with LoRA"`
	Len       int      `yaml:"adapter_len" help:"vectors of LLaMA-Adapter's prompt"`
	Layers    int      `yaml:"adapter_layers" help:"layers with a prompt, from the top; 0: all but two"`
	Sequences int      `yaml:"sequences" help:"sequences that the tokens are cut into, packed"`
	Learned   float64  `yaml:"learned" help:"fraction of the tokens that are learned, at the end of each sequence"`
	Recompute string   `yaml:"recompute" alias:"gradient_checkpointing" help:"activations: none (kept) or all (recomputed)"`
}

func (s stepping) check(tokens int) error {
	switch {
	case s.Sequences < 1 || s.Sequences > tokens/2:
		return usage(fmt.Errorf("sequences is %d, want 1 to %d for %d tokens", s.Sequences, tokens/2, tokens))
	case !(s.Learned > 0 && s.Learned <= 1):
		return usage(fmt.Errorf("learned is %v, want more than 0, at most 1", s.Learned))
	case s.Recompute != "none" && s.Recompute != "all":
		return usage(fmt.Errorf("recompute is %q, want none or all", s.Recompute))
	}
	return nil
}

func newBenchTrain() *cobra.Command {
	b := benching{Shape: "1b", DType: "bf16", Compute: "auto", Quantized: "none", Tokens: 512, Steps: 5}
	s := stepping{Adapter: adapter.LoRA, Rank: 8, Targets: []string{"q_proj", "v_proj"}, Len: 10, Sequences: 1, Learned: 1, Recompute: "none"}
	cmd := &cobra.Command{
		Use:   "train",
		Short: "Training steps on random tokens",
		Args:  cobra.NoArgs,
	}
	settings := addSettings(cmd, &b, &s)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := settings.load(cmd, &b, &s); err != nil {
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
	if n := (b.Tokens + s.Sequences - 1) / s.Sequences; n > c.MaxPositions {
		return usage(fmt.Errorf("sequences of %d tokens are longer than the model's %d positions", n, c.MaxPositions))
	}
	w, done, err := b.open()
	defer done()
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
	m, batch := base.With(set.Delta), s.batch(b.Tokens, c.Vocab)
	step := func() error {
		batch.Step++
		set.ZeroGrad()
		if _, err := m.Gradients(batch, 1/float64(len(batch.Targets))); err != nil {
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
	wall, processor, err := clock(b.Steps, step)
	if err != nil {
		return err
	}
	work := s.work(c, lowestLayer(set, c), b.Tokens, len(batch.Targets))
	r := rated(wall, processor, b.Steps, b.Tokens, work, w.top)
	out, memory := cmd.OutOrStdout(), peakMemory()
	if b.JSON {
		return emit(out, map[string]any{
			"machine": w.machine(), "shape": b.Shape, "tokens": b.Tokens, "sequences": s.Sequences, "learned": len(batch.Targets),
			"adapter": s.Adapter, "trainable": set.Size(), "recompute": s.Recompute, "work_per_step": work, "step": r, "peak_memory_bytes": memory,
		})
	}
	w.machine().print(out)
	fmt.Fprintf(out, "model    %s\n", describe(b.Shape, c))
	fmt.Fprintf(out, "step     %d tokens in %d sequences, %d learned; %s, %d trainable; recompute %s\n", b.Tokens, s.Sequences, len(batch.Targets), s.Adapter, set.Size(), s.Recompute)
	fmt.Fprintf(out, "result   %.1f tokens/s, %.1f tokens per CPU-second; %.2f s a step (median of %d)\n", r.Tokens, r.TokensCPU, r.Seconds, b.Steps)
	fmt.Fprintf(out, "         %.1f GFLOP per CPU-second, %.1f %% of the %s limit; %.1f GFLOP a step\n", r.Work/1e9, 100*r.Share, w.mode, work/1e9)
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

// batch is tokens in sequences of about the same length.
func (s stepping) batch(tokens, vocab int) *model.Batch {
	var ids, labels [][]int32
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
	b := model.Pack(ids, labels)
	b.Train, b.Seed = true, 1
	return b
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
