package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fettle/adapter"
	"fettle/internal/atomicfile"
	"fettle/internal/builtin"
	"fettle/internal/human"
	"fettle/internal/machine"
	"fettle/internal/settings"
	"fettle/internal/world"
	"fettle/model/chat"
	"fettle/train"
	pages "fettle/train/report"
)

func newDemo() *cobra.Command {
	c := train.Defaults()
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Tune the built-in model on the built-in questions, then chat with it",
		Long: `Tune the built-in model, which was trained on texts about a small world without
any questions, on questions about one part of that world; test it on the other
part, before and after; then chat with it. Nothing is downloaded.`,
		Example: "  fettle demo\n  fettle demo --adapter llama-adapter",
		Args:    cobra.NoArgs,
	}
	watch := watchSettings{}
	s := addSettings(cmd, &c, &watch)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := loadRun(cmd, s, &c); err != nil {
			return err
		}
		if err := demonstrate(cmd, c, s.Given, watch); err != nil {
			return err
		}
		if !machine.IsTerminal(cmd.OutOrStdout()) {
			return nil
		}
		return startChat(cmd, source{Adapter: demoDir(c), Compute: "auto"}, chatSettings{}, chat.DefaultSampling(),
			func(string) bool { return false })
	}
	return cmd
}

// demoDir returns the directory of a demonstration.
func demoDir(c train.Config) string {
	if c.OutputDir != "" {
		return c.OutputDir
	}
	return filepath.Join("runs", "demo-"+c.Type)
}

// isDemo reports whether the settings of a run name no model and no data: it is then the demonstration.
func isDemo(c train.Config, s *settings.Settings) bool {
	return c.ModelName == "" && c.Adapter == "" && c.Shape == "" && len(c.Dataset) == 0 && s.Config() == ""
}

// planDemo gives settings that name no model and no data those of the demonstration, and says so on standard error.
func planDemo(cmd *cobra.Command, c *train.Config, s *settings.Settings) {
	if !isDemo(*c, s) {
		return
	}
	demoSettings(c, s.Given)
	c.Dataset = []string{worldQuestions}
	fmt.Fprintln(cmd.ErrOrStderr(), "No model and no data are given: this is the run of fettle demo.")
}

// demoSettings fills in the settings that are not given.
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
	if c.Type == adapter.TypeLLaMAAdapter {
		unless("adapter_layers", func() { c.LLaMAAdapter.Layers = 6 })
		unless("learning_rate", func() { c.LearningRate = 0.1 })
		unless("num_train_epochs", func() { c.Epochs = 4 })
		unless("adapter_len", func() { c.LLaMAAdapter.Len = 16 })
	} else {
		unless("learning_rate", func() { c.LearningRate = 2e-3 })
		unless("num_train_epochs", func() { c.Epochs = 3 })
	}
}

// demoRecipe puts nothing around question and answer and tokenizes them separately, so that words begin as in running
// text.
const demoRecipe = "gpt4all"

// demoGeneration returns the settings of generation that lie beside the adapter: it has one right answer to a question.
func demoGeneration() []byte { return []byte("{\n  \"do_sample\": false\n}\n") }

// demonstrate tunes the built-in model and shows its answers before and after.
func demonstrate(cmd *cobra.Command, c train.Config, given func(key string) bool, watch watchSettings) error {
	demoSettings(&c, given)
	out, began := cmd.OutOrStdout(), time.Now()
	rows := world.Instructions()
	set := filepath.Join(c.OutputDir, "instructions.json")
	c.Dataset = []string{set}
	if err := c.Validate(); err != nil {
		return usage(err)
	}
	if shape, _, err := baseShape(c); err != nil {
		return err
	} else if err := checkMethod(c, shape); err != nil {
		return err
	}
	if err := writeRows(set, rows); err != nil {
		return err
	}
	answers := filepath.Join(c.OutputDir, chat.GenerationFile)
	if err := atomicfile.Write(answers, atomicfile.Bytes(demoGeneration())); err != nil {
		return err
	}
	board := &pages.Board{}
	end, err := watch.start(cmd, c, board)
	if err != nil {
		return err
	}
	defer end()
	held := world.HeldOut()
	fmt.Fprintf(out, "fettle contains a small LLaMA, pre-trained on texts about an invented world (people, animals, "+
		"colours, opposites, sums) without a single question. This run tunes it to answer: %s questions with answers "+
		"(%s) show the form. It is tested on %d questions about other facts, which only the pre-training texts state.\n\n",
		human.Count(len(rows)), set, len(held))
	from := source{Model: c.ModelName, Recipe: c.Recipe, Compute: c.Compute}
	before, err := from.quiz(cmd.Context(), held)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Before: %s\n\n", before.score())
	board.Examine(examination(held, before, nil))
	if err := runTraining(cmd, c, nil, board, nil, filepath.Base(set), chat.GenerationFile); err != nil {
		return err
	}
	flag, result := resultFlag(c), "adapter"
	if c.Type == adapter.TypeFull {
		from.Model, result = c.OutputDir, "model"
	} else {
		from.Adapter = c.OutputDir
	}
	after, err := from.quiz(cmd.Context(), held)
	if err != nil {
		return err
	}
	board.Examine(examination(held, before, &after))
	if err := board.Write(atomicfile.OS{}, c.OutputDir); err != nil {
		return err
	}
	fmt.Fprintln(out, "\nThe same questions before and after:")
	room := 70
	if machine.IsTerminal(out) {
		room = max(machine.Width(out)-13, 8)
	}
	for i := 0; i < len(held); i += len(held) / 6 {
		fmt.Fprintf(out, "  %s\n    before  %s\n    after   %s\n", held[i].Instruction,
			human.Cut(firstLine(before.answers[i]), room), human.Cut(firstLine(after.answers[i]), room))
	}
	fmt.Fprintf(out, "\nBefore: %s\nAfter:  %s\n", before.score(), after.score())
	fmt.Fprintf(out, `
Time: %.0f seconds. The %s is in %s. Next:
  %s
  %s
  %s
`, time.Since(began).Seconds(), result, c.OutputDir,
		commandLine(cmd, "chat", flag, c.OutputDir),
		commandLine(cmd, "generate", flag, c.OutputDir, "--prompt", "Where does Lena live?"),
		commandLine(cmd, "inspect", "--model_name_or_path", builtin.Name, "--dataset", listed(set), "--recipe", c.Recipe))
	if name := cmd.Root().DisplayName(); strings.HasPrefix(name, "go run ") {
		fmt.Fprintf(out, "%s installs it as the command fettle, in the directory bin of go env GOPATH.\n",
			strings.Replace(name, "run", "install", 1))
	}
	return nil
}

// writeRows writes an instruction set in the Alpaca format.
func writeRows(path string, rows []world.Row) error {
	text, err := json.MarshalIndent(rows, "", " ")
	if err == nil {
		err = atomicfile.MkdirAll(atomicfile.OS{}, filepath.Dir(path))
	}
	if err == nil {
		err = atomicfile.Write(path, atomicfile.Bytes(append(text, '\n')))
	}
	return err
}

// quizResult holds a model's answers.
type quizResult struct {
	answers []string
	right   int
}

// examination shows answers before and, if it is over, after the run for its report.
func examination(rows []world.Row, before quizResult, after *quizResult) pages.Exam {
	e := pages.Exam{
		Rule:   "An answer is right if it is the expected one, letter by letter.",
		Before: pages.Score{Right: before.right, Of: len(rows)},
	}
	for i, r := range rows {
		q := pages.Question{Question: strings.TrimSpace(r.Instruction + " " + r.Input), Want: r.Output,
			Before: firstLine(before.answers[i])}
		if after != nil {
			e.After = pages.Score{Right: after.right, Of: len(rows)}
			q.After = firstLine(after.answers[i])
		}
		e.Questions = append(e.Questions, q)
	}
	return e
}

func (q quizResult) score() string {
	return fmt.Sprintf("%d of %d answers are exactly right (%.0f %%)", q.right, len(q.answers),
		100*float64(q.right)/float64(len(q.answers)))
}

// quiz asks every question and compares the answers letter by letter.
func (s source) quiz(ctx context.Context, rows []world.Row) (quizResult, error) {
	var q quizResult
	m, err := s.openFor(usualPrompt, io.Discard)
	if err != nil {
		return q, err
	}
	conversation := m.Converse()
	for _, r := range rows {
		prompt, err := m.Prompt(r.Instruction, r.Input)
		if err != nil {
			return q, err
		}
		a, err := conversation.Ask(ctx, chat.Question{Prompt: prompt, Sampling: chat.Greedy(40)}, discard)
		if err != nil {
			return q, err
		}
		answer := strings.TrimSpace(a.Text)
		q.answers = append(q.answers, answer)
		if answer == r.Output {
			q.right++
		}
	}
	return q, ctx.Err()
}

// firstLine returns the first line of an answer, 70 letters at most.
func firstLine(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	if letters := []rune(text); len(letters) > 70 {
		return string(letters[:70]) + "…"
	}
	return text
}
