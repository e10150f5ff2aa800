package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fettle/adapter"
	"fettle/data/encode"
	"fettle/data/recipe"
	"fettle/internal/builtin"
	"fettle/internal/machine"
	"fettle/internal/world"
	"fettle/train"
)

func newDemo() *cobra.Command {
	c := train.Defaults()
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Tune the built-in model on the built-in questions, then talk to it",
		Long: `Tune the built-in model, which knows a small world but has never seen a question,
on questions about one part of that world; ask it about the other part, before
and after; then talk to it. Nothing is downloaded.`,
		Example: "  fettle demo\n  fettle demo --adapter llama-adapter",
		Args:    cobra.NoArgs,
	}
	s := addSettings(cmd, &c)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := load(cmd, s); err != nil {
			return err
		}
		if err := demonstrate(cmd, c, s.Given); err != nil {
			return err
		}
		if !machine.IsTerminal(cmd.OutOrStdout()) {
			return nil
		}
		draw := usualDrawing()
		draw.Temperature = 0
		return talk(cmd, source{Adapter: demoDir(c), Compute: "auto"}, "", draw)
	}
	return cmd
}

// demoDir is where a demonstration is kept.
func demoDir(c train.Config) string {
	if c.OutputDir != "" {
		return c.OutputDir
	}
	return filepath.Join("runs", "demo-"+c.Type)
}

// demoSettings fills in what was not asked for otherwise.
func demoSettings(c *train.Config, given func(key string) bool) {
	unless := func(key string, apply func()) {
		if !given(key) {
			apply()
		}
	}
	c.OutputDir = demoDir(*c)
	unless("model_name_or_path", func() { c.ModelName = builtin.Name })
	unless("recipe", func() { c.Recipe = demoRecipe })
	unless("max_seq_length", func() { c.Cutoff = 128 })
	unless("per_device_train_batch_size", func() { c.BatchSize = 16 })
	unless("warmup_ratio", func() { c.WarmupRatio = 0.05 })
	unless("save_steps", func() { c.SaveSteps = 0 })
	unless("compute", func() { c.Compute = "f32" })
	unless("recompute", func() { c.Recompute = "none" })
	if c.Type == adapter.LLaMAAdapter {
		unless("adapter_layers", func() { c.PromptLayers = 6 })
		unless("learning_rate", func() { c.LearningRate = 0.1 })
		unless("num_train_epochs", func() { c.Epochs = 4 })
		unless("adapter_len", func() { c.PromptLen = 16 })
	} else {
		unless("learning_rate", func() { c.LearningRate = 2e-3 })
		unless("num_train_epochs", func() { c.Epochs = 3 })
	}
}

// demoRecipe puts nothing around question and answer, and tokenizes them apart:
// words begin as they do in running text.
const demoRecipe = "gpt4all"

// demonstrate tunes the built-in model and shows what it learned.
func demonstrate(cmd *cobra.Command, c train.Config, given func(key string) bool) error {
	demoSettings(&c, given)
	out, began := cmd.OutOrStdout(), time.Now()
	rows := world.Instructions()
	set := filepath.Join(c.OutputDir, "instructions.json")
	if err := writeRows(set, rows); err != nil {
		return err
	}
	c.Dataset = []string{set}
	if err := c.Validate(); err != nil {
		return usage(err)
	}
	held := world.HeldOut()
	fmt.Fprintf(out, `fettle comes with a small LLaMA that has read about a world of its own (people, animals,
colours, opposites, sums) but has never seen a question. Now it is tuned to answer:
%d questions with answers (%s) teach the form. Then it is asked
%d questions about facts that none of them mentions: it must know them from its reading.

`, len(rows), set, len(held))
	from := source{Model: c.ModelName, Recipe: c.Recipe, Compute: c.Compute}
	before, err := from.quiz(cmd.Context(), held)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Before: %s\n\n", before.score())
	if err := runTraining(cmd, c); err != nil {
		return err
	}
	from.Adapter = c.OutputDir
	after, err := from.quiz(cmd.Context(), held)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "\nThe same questions before and after:")
	for i := 0; i < len(held); i += len(held) / 6 {
		fmt.Fprintf(out, "  %s\n    before  %s\n    after   %s\n", held[i].Instruction, brieflySaid(before.said[i]), brieflySaid(after.said[i]))
	}
	fmt.Fprintf(out, "\nBefore: %s\nAfter:  %s\n", before.score(), after.score())
	fmt.Fprintf(out, `
All in %.0f seconds. The adapter is in %s. Next:
  fettle chat --adapter_name_or_path %s
  fettle generate --adapter_name_or_path %s --prompt "Where does Lena live?"
  fettle inspect --model_name_or_path %s --dataset %s --recipe %s
`, time.Since(began).Seconds(), c.OutputDir, c.OutputDir, c.OutputDir, builtin.Name, set, c.Recipe)
	return nil
}

// writeRows writes an instruction set as others would.
func writeRows(path string, rows []world.Row) error {
	text, err := json.MarshalIndent(rows, "", " ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(path, append(text, '\n'), 0o644)
	}
	return err
}

// quizzed is what a model answered.
type quizzed struct {
	said  []string
	right int
}

func (q quizzed) score() string {
	return fmt.Sprintf("%d of %d answers are exactly right (%.0f %%)", q.right, len(q.said), 100*float64(q.right)/float64(len(q.said)))
}

// quiz asks every question and compares the answers letter by letter.
func (s source) quiz(ctx context.Context, rows []world.Row) (quizzed, error) {
	var q quizzed
	sp, err := s.open()
	if err != nil {
		return q, err
	}
	asked, greedy := sp.converse(), drawing{MaxNewTokens: 40, TopP: 1, Repetition: 1}
	for _, r := range rows {
		prompt, err := encode.New(sp.tok, *sp.recipe).Prompt(recipe.Instruction(r.Instruction, r.Input))
		if err != nil {
			return q, err
		}
		a, err := asked.ask(ctx, question{prompt: prompt, draw: greedy}, func(string) error { return nil })
		if err != nil {
			return q, err
		}
		said := strings.TrimSpace(a.text)
		q.said = append(q.said, said)
		if said == r.Output {
			q.right++
		}
	}
	return q, ctx.Err()
}

// brieflySaid is the first line of an answer, not too much of it.
func brieflySaid(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	if letters := []rune(text); len(letters) > 70 {
		return string(letters[:70]) + "…"
	}
	return text
}
