package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"fettle/data/encode"
	"fettle/data/recipe"
)

type asking struct {
	Prompt  string `yaml:"prompt" alias:"instruction" help:"the instruction; with --raw the text to continue"`
	Input   string `yaml:"input" help:"what the instruction is about"`
	Raw     bool   `yaml:"raw" help:"continue the prompt as it is"`
	Verbose bool   `yaml:"verbose" help:"say on standard error why it stopped, and how fast it was"`
}

func newGenerate() *cobra.Command {
	from, ask, draw := source{Compute: "auto"}, asking{}, usualDrawing()
	cmd := &cobra.Command{
		Use:     "generate",
		Aliases: []string{"inference"},
		Short:   "Answer one instruction, or continue a text",
		Example: `  fettle generate --adapter_name_or_path runs/alpaca-lora --prompt "Name a color."
  fettle generate --model_name_or_path models/llama-7b --raw --prompt "Once upon a time" --temperature 0`,
		Args: cobra.NoArgs,
	}
	s := addSettings(cmd, &from, &ask, &draw)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := load(cmd, s); err != nil {
			return err
		}
		if _, err := draw.sampler(); err != nil {
			return err
		}
		s, err := from.open()
		if err != nil {
			return err
		}
		prompt, err := s.prompt(ask)
		if err != nil {
			return err
		}
		if s.own && !ask.Raw {
			fmt.Fprintf(cmd.ErrOrStderr(), "The prompt is put into the model's own chat template, %s.\n", s.recipe.Source)
		}
		q := question{prompt: prompt, draw: draw, goingOn: ask.Raw && len(prompt) > 1}
		a, err := s.converse().ask(cmd.Context(), q, writer(cmd.OutOrStdout()))
		if err != nil {
			return err
		}
		if !ask.Raw {
			fmt.Fprintln(cmd.OutOrStdout())
		}
		if ask.Verbose {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s after %d tokens, %.1f tokens/s; prompt of %d tokens\n", a.reason, a.tokens, a.speed(), len(prompt))
		}
		return nil
	}
	return cmd
}

// prompt is what the model is asked to continue.
func (s *speaker) prompt(a asking) ([]int32, error) {
	if a.Raw {
		var ids []int32
		if s.tok.BOS() >= 0 {
			ids = append(ids, s.tok.BOS())
		}
		return append(ids, s.tok.Encode(a.Prompt)...), nil
	}
	if s.recipe == nil {
		return nil, s.unspoken("Give --recipe (alpaca, alpaca-lora, ..., or a file.jinja), or --raw to continue the text as it is")
	}
	if a.Prompt == "" {
		return nil, usage(errors.New("prompt is missing: the instruction"))
	}
	prompt, err := encode.New(s.tok, *s.recipe).Prompt(recipe.Instruction(a.Prompt, a.Input))
	return prompt, input(err)
}

// writer writes texts as they come.
func writer(out io.Writer) func(string) error {
	return func(text string) error {
		_, err := io.WriteString(out, text)
		return err
	}
}
