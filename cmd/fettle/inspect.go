package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fettle/data"
	"fettle/model/tokenizer"
	"fettle/train"
)

// looking are the settings of inspect beside a run's.
type looking struct {
	Samples int    `yaml:"samples" help:"how many samples to show"`
	JSON    bool   `yaml:"json" help:"write JSON lines, a sample each, and a summary"`
	HTML    string `yaml:"html" help:"write a page with samples, lengths and findings to this file"`
}

func newInspect() *cobra.Command {
	c, look := train.Defaults(), looking{Samples: 3}
	cmd := &cobra.Command{
		Use:     "inspect",
		Aliases: []string{"preprocess"},
		Short:   "See what the model would see: prompts, tokens, masks",
		Long: `See what a training run with the same settings would learn: rendered,
tokenized samples, with what is learned between ⟦ and ⟧, how long they are, and
what is wrong with them. What would stop a run makes the exit code 65.

Rules that data is held to (--allow RULE lets a run go on all the same):

` + ruleList(),
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
		if look.Samples < 0 {
			return usage(fmt.Errorf("samples is %d, want 0 or more", look.Samples))
		}
		return inspect(cmd, c, look)
	}
	return cmd
}

// ruleList explains the linter's rules.
func ruleList() string {
	var b strings.Builder
	for _, r := range data.Rules() {
		fmt.Fprintf(&b, "  %-22s %s\n", r.Name, r.Fix)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func inspect(cmd *cobra.Command, c train.Config, look looking) error {
	m, err := readMaterial(&c, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	where, err := located(c.ModelName)
	if err != nil {
		return err
	}
	tok, err := tokenizer.Load(where)
	if err != nil {
		return input(err)
	}
	v := viewer{tok: tok, out: cmd.OutOrStdout(), color: isTerminal(cmd.OutOrStdout())}
	shown := m.training.Examples[:min(look.Samples, len(m.training.Examples))]
	verdict := m.judge(c)
	switch {
	case look.JSON:
		err = v.json(shown, m.training)
	case look.HTML != "":
		if err = v.html(look.HTML, shown, c, m.training); err == nil {
			_, err = fmt.Fprintf(v.out, "%s is written\n", look.HTML)
		}
	default:
		for i, e := range shown {
			v.sample(i, e)
		}
		v.summary(c, m.training)
	}
	if err != nil {
		return err
	}
	return verdict
}

// viewer shows examples.
type viewer struct {
	tok   *tokenizer.Tokenizer
	out   io.Writer
	color bool
}

// span is a run of an example's text that is learned, or not.
type span struct {
	Text  string
	Learn bool
}

// spans are an example's text, control tokens by name.
func (v viewer) spans(e data.Example) []span {
	var out []span
	put := func(text string, learn bool) {
		if n := len(out); n > 0 && out[n-1].Learn == learn {
			out[n-1].Text += text
		} else if text != "" {
			out = append(out, span{text, learn})
		}
	}
	stream, learning := v.tok.NewStream(), false
	for i, id := range e.Tokens {
		learn := e.Labels[i] != data.Ignore && i > 0
		if learn != learning || v.tok.Control(id) {
			put(stream.Flush(), learning)
		}
		learning = learn
		if v.tok.Control(id) {
			put(v.tok.Piece(id), learn)
			continue
		}
		put(stream.Push(id), learn)
	}
	put(stream.Flush(), learning)
	return out
}

// sample shows an example with its learned spans.
func (v viewer) sample(i int, e data.Example) {
	fmt.Fprintf(v.out, "── sample %d · %s · %d tokens, %d learned\n", i+1, e.Source, len(e.Tokens), e.Learned())
	fmt.Fprintln(v.out, v.marked(e))
}

// marked is the example's text, its learned spans between ⟦ and ⟧, green on a
// terminal.
func (v viewer) marked(e data.Example) string {
	open, end := "⟦", "⟧"
	if v.color {
		open, end = "\x1b[32m⟦", "⟧\x1b[0m"
	}
	var b strings.Builder
	for _, s := range v.spans(e) {
		if s.Learn {
			b.WriteString(open + s.Text + end)
		} else {
			b.WriteString(s.Text)
		}
	}
	return b.String()
}

// summary counts, draws the lengths, and says what is wrong.
func (v viewer) summary(c train.Config, s *data.Set) {
	fmt.Fprintf(v.out, "── %d examples, %d tokens, %d learned (%.0f %%); recipe %s\n", len(s.Examples), s.Tokens, s.Learned, 100*float64(s.Learned)/float64(max(s.Tokens, 1)), c.Recipe)
	fmt.Fprint(v.out, s.OverLongTable())
	lengths := lengthsOf(s)
	at := func(share float64) int { return lengths[min(int(share*float64(len(lengths))), len(lengths)-1)] }
	fmt.Fprintf(v.out, "lengths: half up to %d, 95 %% up to %d, 99 %% up to %d, longest %d\n", at(0.5), at(0.95), at(0.99), at(1))
	const width = 50
	classes := histogram(lengths)
	top := 0
	for _, c := range classes {
		top = max(top, c.Count)
	}
	for _, c := range classes {
		fmt.Fprintf(v.out, "%6d–%-6d %s %d\n", c.From, c.To, strings.Repeat("█", (c.Count*width+top-1)/top), c.Count)
	}
	fmt.Fprintf(v.out, "── %s", s.Report.String())
}

// lengthsOf are the tokens of the examples, sorted.
func lengthsOf(s *data.Set) []int {
	lengths := make([]int, len(s.Examples))
	for i, e := range s.Examples {
		lengths[i] = len(e.Tokens)
	}
	slices.Sort(lengths)
	return lengths
}

// class counts the lengths From … To.
type class struct{ From, To, Count int }

// histogram sorts lengths into twelve classes.
func histogram(sorted []int) []class {
	const classes = 12
	step := sorted[len(sorted)-1]/classes + 1
	out := make([]class, classes)
	for i := range out {
		out[i].From, out[i].To = i*step, (i+1)*step-1
	}
	for _, n := range sorted {
		out[n/step].Count++
	}
	return out
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
		"examples": len(s.Examples), "rows": s.Rows, "tokens": s.Tokens, "learned": s.Learned, "cut": s.Cut, "dropped": s.Dropped, "split": s.Split,
		"bad_rows": s.BadRows, "without_learned": s.Silent, "max_seq_length": s.Cutoff, "keeps_95": s.Keeps(0.95), "keeps_99": s.Keeps(0.99), "keeps_all": s.Keeps(1),
		"lengths": histogram(lengthsOf(s)), "report": s.Report,
	})
}

// html writes a page that needs nothing else.
func (v viewer) html(path string, shown []data.Example, c train.Config, s *data.Set) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("inspect: %w", err)
	}
	if err := inspection(f, v, shown, c, s); err != nil {
		f.Close()
		return fmt.Errorf("inspect: write %s: %w", path, err)
	}
	return f.Close()
}
