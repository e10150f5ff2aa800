package main

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"

	"fettle/data/recipe"
	"fettle/internal/human"
	"fettle/model/chat"
	"fettle/model/generate"
	"fettle/train/plan"
)

// generateSettings holds the settings of generate beside those of model and answer.
type generateSettings struct {
	Prompt  string `yaml:"prompt" group:"prompt" alias:"instruction" help:"the instruction, with --raw the text to continue; @FILE reads it from a file, - from standard input, as does no prompt in a pipe"`
	Input   string `yaml:"input" help:"input of the instruction"`
	System  string `yaml:"system" help:"the system message"`
	Raw     bool   `yaml:"raw" help:"continue the prompt without a template"`
	Verbose bool   `yaml:"verbose" group:"output" help:"print the adapter's scale, the reason of the end, the speed and the sampling settings with the seed on standard error"`

	batchSettings `yaml:",inline"`
}

func newGenerate() *cobra.Command {
	from, sampling := source{Compute: "auto"}, chat.DefaultSampling()
	ask := generateSettings{batchSettings: batchSettings{OnBadRow: "stop"}}
	cmd := &cobra.Command{
		Use:     "generate",
		Aliases: []string{"inference"},
		Short:   "Answer one instruction or a file of them, or continue a text",
		Long: `Answer one instruction, or every row of a file, or continue a text.

A file (--input_file) is read as data sets are: JSON, JSON lines, CSV, parquet, or a
plain text with a prompt on each line. Every answer is one line of --output_file, the
row with the fields "generated" and "generation". When the command is stopped in any
way, the same command goes on. Row k, counted from 0, is sampled with seed + k, to the
same bits as by itself.`,
		Example: `  fettle generate --adapter_name_or_path runs/alpaca-lora --prompt "Name a color."
  fettle generate --model_name_or_path models/llama-7b --raw --prompt "Once upon a time" --temperature 0
  fettle generate --adapter_name_or_path runs/alpaca-lora --input_file prompts.jsonl --output_file answers.jsonl`,
		Args: cobra.NoArgs,
	}
	s := addAnswering(cmd, &from, &ask, &sampling)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := load(cmd, s); err != nil {
			return err
		}
		if err := sampling.Check(); err != nil {
			return err
		}
		if ask.Raw && ask.Input != "" {
			return usage(fmt.Errorf("--input: %q cannot act: with --raw there is no template to put it into; write it into the "+
				"prompt", ask.Input))
		}
		if ask.Raw && ask.System != "" {
			return usage(errors.New("--system cannot act: with --raw there is no template to put it into"))
		}
		if ask.Raw && s.Stated("recipe") {
			return usage(fmt.Errorf("--recipe: %s cannot act: with --raw the prompt is continued without a template",
				from.Recipe))
		}
		if err := ask.check(s.Given); err != nil {
			return err
		}
		if err := ask.read(cmd.InOrStdin(), s.Given("prompt")); err != nil {
			return err
		}
		if err := from.settle(cmd); err != nil {
			return err
		}
		if err := from.complete(); err != nil {
			return err
		}
		defer debug.SetGCPercent(debug.SetGCPercent(plan.GCPercent))
		m, err := from.openFor(sampling.MaxNewTokens+usualPrompt, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		if err := prepare(m, &sampling, s.Given, cmd.ErrOrStderr()); err != nil {
			return err
		}
		notSampled(sampling, s.Stated, cmd.ErrOrStderr())
		if ask.InputFile != "" {
			return answerFile(cmd, m, from, ask, sampling, s.Given("seed"))
		}
		return answer(cmd, m, ask, sampling)
	}
	return cmd
}

// answer prints the answer to one instruction.
func answer(cmd *cobra.Command, m *chat.Model, ask generateSettings, sampling chat.Sampling) error {
	prompt, err := ask.prompt(m)
	if err != nil {
		return err
	}
	if m.OwnPrompt && !ask.Raw {
		fmt.Fprintf(cmd.ErrOrStderr(), "The prompt follows the model's own chat template, %s.\n", m.Recipe.Source)
	}
	q := chat.Question{Prompt: prompt, Sampling: sampling, Continue: ask.Raw && m.Continues(prompt)}
	a, err := m.Converse().Ask(cmd.Context(), q, writer(cmd.OutOrStdout()))
	if err != nil {
		return err
	}
	if !ask.Raw {
		fmt.Fprintln(cmd.OutOrStdout())
	}
	if a.Reason == generate.Cancelled {
		return stopped(fmt.Sprintf("generate: stopped after %s of the answer", human.Plural(a.Tokens, "token")))
	}
	if a.Reason == generate.ContextFull {
		fmt.Fprintf(cmd.ErrOrStderr(), "The answer ends where the model's context of %d tokens is full.\n",
			m.Capacity())
	}
	if ask.Verbose {
		if m.Adapter != "" {
			fmt.Fprintf(cmd.ErrOrStderr(), "adapter: %s\n", m.Adapter)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "computed by %s\n", m.Weights.Device().Name())
		fmt.Fprintf(cmd.ErrOrStderr(), "%s after %d tokens, %.1f tokens/s; prompt of %d tokens; %s\n",
			a.Reason, a.Tokens, a.Speed(), len(prompt), describe(sampling))
	}
	return nil
}

// prompt renders the instruction, or tokenizes the text to continue.
func (a generateSettings) prompt(m *chat.Model) ([]int32, error) {
	switch {
	case a.Raw:
		return m.Raw(a.Prompt), nil
	case m.Recipe == nil:
		return nil, noPrompt(m)
	case a.System == "":
		return m.Prompt(a.Prompt, a.Input)
	}
	d := recipe.Instruction(a.Prompt, a.Input)
	d.System = a.System
	if err := m.Recipe.Check(d); err != nil {
		return nil, usage(fmt.Errorf("--system: %w", err))
	}
	return m.Render(d)
}

// writer writes texts as they come.
func writer(out io.Writer) func(string) error {
	return func(text string) error {
		_, err := io.WriteString(out, text)
		return err
	}
}
