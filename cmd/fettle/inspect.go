package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fettle/data"
	"fettle/model/tokenizer"
	"fettle/train"
)

// looking are the settings of inspect beside a run's.
type looking struct {
	Samples int  `yaml:"samples" help:"how many samples to show"`
	JSON    bool `yaml:"json" help:"write JSON lines, a sample each, and a summary"`
}

func newInspect() *cobra.Command {
	c, look := train.Defaults(), looking{Samples: 3}
	cmd := &cobra.Command{
		Use:     "inspect",
		Aliases: []string{"preprocess"},
		Short:   "See what the model would see: prompts, tokens, masks",
		Long: `See what a training run with the same settings would learn: rendered,
tokenized samples, with what is learned between ⟦ and ⟧, and how long they are.`,
		Example: "  fettle inspect --model_name_or_path models/llama-7b --dataset alpaca.json --recipe alpaca",
		Args:    cobra.NoArgs,
	}
	settings := addSettings(cmd, &c, &look)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := settings.load(cmd, &c, &look); err != nil {
			return err
		}
		c.OutputDir = "-" // nothing is written
		if err := c.Validate(); err != nil {
			return usage(err)
		}
		m, err := readMaterial(&c, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		tok, err := tokenizer.Load(c.ModelName)
		if err != nil {
			return input(err)
		}
		v := viewer{tok: tok, out: cmd.OutOrStdout(), color: isTerminal(cmd.OutOrStdout())}
		shown := m.training.Examples[:min(look.Samples, len(m.training.Examples))]
		if look.JSON {
			return v.json(shown, m.training)
		}
		for i, e := range shown {
			v.sample(i, e)
		}
		v.summary(c, m.training)
		return nil
	}
	return cmd
}

// viewer shows examples.
type viewer struct {
	tok   *tokenizer.Tokenizer
	out   io.Writer
	color bool
}

// sample shows an example with its learned spans.
func (v viewer) sample(i int, e data.Example) {
	fmt.Fprintf(v.out, "── sample %d · %s · %d tokens, %d learned\n", i+1, e.Source, len(e.Tokens), e.Learned())
	fmt.Fprintln(v.out, v.marked(e))
}

// marked is the example's text, its learned spans between ⟦ and ⟧ (green on a
// terminal), control tokens by name.
func (v viewer) marked(e data.Example) string {
	open, end := "⟦", "⟧"
	if v.color {
		open, end = "\x1b[32m⟦", "⟧\x1b[0m"
	}
	var b strings.Builder
	stream, learning := v.tok.NewStream(), false
	for i, id := range e.Tokens {
		if learn := e.Labels[i] != data.Ignore && i > 0; learn != learning {
			b.WriteString(stream.Flush())
			b.WriteString(map[bool]string{true: open, false: end}[learn])
			learning = learn
		}
		if v.tok.Control(id) {
			b.WriteString(stream.Flush() + v.tok.Piece(id))
			continue
		}
		b.WriteString(stream.Push(id))
	}
	b.WriteString(stream.Flush())
	if learning {
		b.WriteString(end)
	}
	return b.String()
}

// summary counts, and draws the lengths.
func (v viewer) summary(c train.Config, s *data.Set) {
	fmt.Fprintf(v.out, "── %d examples, %d tokens, %d learned (%.0f %%)\n", len(s.Examples), s.Tokens, s.Learned, 100*float64(s.Learned)/float64(s.Tokens))
	fmt.Fprintf(v.out, "recipe %s, max_seq_length %d: %d cut, %d dropped, %d without a learned token\n", c.Recipe, c.Cutoff, s.Cut, s.Dropped, s.Silent)
	lengths := make([]int, len(s.Examples))
	for i, e := range s.Examples {
		lengths[i] = len(e.Tokens)
	}
	slices.Sort(lengths)
	at := func(share float64) int { return lengths[min(int(share*float64(len(lengths))), len(lengths)-1)] }
	fmt.Fprintf(v.out, "lengths: half up to %d, 95 %% up to %d, 99 %% up to %d, longest %d\n", at(0.5), at(0.95), at(0.99), at(1))
	v.histogram(lengths)
}

// histogram draws sorted lengths in twelve classes.
func (v viewer) histogram(lengths []int) {
	const classes, width = 12, 50
	step := lengths[len(lengths)-1]/classes + 1
	counts, top := make([]int, classes), 0
	for _, n := range lengths {
		counts[n/step]++
		top = max(top, counts[n/step])
	}
	for i, n := range counts {
		fmt.Fprintf(v.out, "%6d–%-6d %s %d\n", i*step, (i+1)*step-1, strings.Repeat("█", (n*width+top-1)/top), n)
	}
}

// json writes the samples and the counts for other programs.
func (v viewer) json(shown []data.Example, s *data.Set) error {
	out := json.NewEncoder(v.out)
	out.SetEscapeHTML(false)
	for _, e := range shown {
		if err := out.Encode(map[string]any{"source": e.Source, "text": viewer{tok: v.tok}.marked(e), "input_ids": e.Tokens, "labels": e.Labels}); err != nil {
			return err
		}
	}
	return out.Encode(map[string]any{
		"examples": len(s.Examples), "rows": s.Rows, "tokens": s.Tokens, "learned": s.Learned, "cut": s.Cut, "dropped": s.Dropped, "without_learned": s.Silent,
	})
}
