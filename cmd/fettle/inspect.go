package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fettle/data"
	"fettle/data/lint"
	"fettle/internal/atomicfile"
	"fettle/internal/identify"
	"fettle/internal/inspect"
	"fettle/internal/machine"
	"fettle/model"
	"fettle/model/tokenizer"
	"fettle/train"
)

// inspectSettings holds the settings of inspect beside a run's.
type inspectSettings struct {
	Samples int    `yaml:"samples" group:"output" help:"how many samples to show"`
	JSON    bool   `yaml:"json" help:"write JSON lines, a sample each, and a summary"`
	HTML    string `yaml:"html" path:"written" help:"write a page with samples, lengths and findings to this file"`
}

func newInspect() *cobra.Command {
	c, look := train.Defaults(), inspectSettings{Samples: 3}
	cmd := &cobra.Command{
		Use:     "inspect",
		Aliases: []string{"preprocess"},
		Short:   "Show the encoded data: prompts, tokens, masks",
		Long: `Show the data of a training run with the same settings: rendered and tokenized
samples with the learned spans between ⟦ and ⟧, their lengths, and the findings
of the linter. Findings that would stop a run make the exit code 65.

Rules of the linter (--allow RULE lets a run continue anyway):

` + ruleList(),
		Example: "  fettle inspect --model_name_or_path models/llama-7b --dataset alpaca.json --recipe alpaca",
		Args:    cobra.NoArgs,
	}
	s := addSettings(cmd, &c, &look)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := loadRun(cmd, s, &c); err != nil {
			return err
		}
		planDemo(cmd, &c, s)
		c.OutputDir = "-" // nothing is written
		if err := c.Validate(); err != nil {
			return usage(err)
		}
		if err := replaces("html", look.HTML, inputsOf(c)...); err != nil {
			return err
		}
		look.JSON = look.JSON || look.HTML == "" && speaksJSON(cmd)
		if look.Samples < 0 {
			return usage(fmt.Errorf("samples is %d, want 0 or more", look.Samples))
		}
		return runInspect(cmd, c, look, s.Stated)
	}
	return cmd
}

// ruleList explains the linter's rules.
func ruleList() string {
	var b strings.Builder
	for _, r := range lint.Rules() {
		fmt.Fprintf(&b, "  %-22s %s\n", r.Name, r.Fix)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func runInspect(cmd *cobra.Command, c train.Config, look inspectSettings, stated func(key string) bool) error {
	m, err := describeData(inspectedBase(cmd.ErrOrStderr()), &c)
	if err == nil {
		err = m.load(&c, cmd.ErrOrStderr())
	}
	silent := errors.Is(err, data.ErrSilent)
	if err != nil && !silent {
		return err
	}
	if m.tok == nil {
		return usage(errors.New("inspect: there is no tokenizer to show tokens with"))
	}
	verdict := err
	if !silent {
		if _, err := m.fit(newLog(cmd.ErrOrStderr()), c, stated); err != nil {
			return err
		}
		verdict = m.check(c)
	}
	out := cmd.OutOrStdout()
	v := inspect.View{Tokenizer: m.tok, Out: out, Color: machine.IsTerminal(out) && os.Getenv("NO_COLOR") == ""}
	shown := m.training.Examples[:min(look.Samples, len(m.training.Examples))]
	switch {
	case look.JSON:
		err = v.JSON(shown, m.training)
	case look.HTML != "":
		if err = writePage(v, look.HTML, shown, c, m.training); err == nil {
			_, err = fmt.Fprintf(out, "Wrote %s\n", look.HTML)
		}
	default:
		for i, e := range shown {
			v.Sample(i, e)
		}
		v.Summary(c.Recipe, m.training)
	}
	return cmp.Or(err, verdict)
}

// inspectedBase finds the base's shape as baseShape does. For a directory with a tokenizer alone it invents one that
// holds any data.
func inspectedBase(notes io.Writer) func(c train.Config) (*model.Config, string, error) {
	return func(c train.Config) (*model.Config, string, error) {
		shape, where, reason := baseShape(c)
		kind := identify.Of(c.ModelName).Kind
		if reason == nil || c.Shape != "" || slices.Contains([]identify.Kind{identify.Adapter, identify.Checkpoint,
			identify.Run}, kind) || isThere(filepath.Join(c.ModelName, "config.json")) {
			return shape, where, reason
		}
		tok, err := tokenizer.Load(c.ModelName)
		if err != nil {
			return shape, where, reason
		}
		fmt.Fprintf(notes, "%s holds a tokenizer and no model: lengths are not compared with a model's positions.\n",
			c.ModelName)
		return &model.Config{Vocab: tok.Size(), Hidden: 1 << 13, Intermediate: 1 << 15, Layers: 1 << 7, Heads: 1 << 6,
			KVHeads: 1 << 6, HeadDim: 1 << 7, MaxPositions: 1 << 20}, c.ModelName, nil
	}
}

// writePage writes the page to a file.
func writePage(v inspect.View, path string, shown []data.Example, c train.Config, s *data.Set) error {
	err := atomicfile.MkdirAll(atomicfile.OS{}, filepath.Dir(path))
	if err == nil {
		page := func(w io.Writer) error { return v.HTML(w, shown, c.Recipe, c.Dataset, s) }
		err = atomicfile.Write(path, atomicfile.Private(page))
	}
	if err != nil {
		return fmt.Errorf("inspect: write %s: %w", path, err)
	}
	return nil
}
