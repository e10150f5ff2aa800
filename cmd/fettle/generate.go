package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"fettle/model/generate"
)

// drawing are the settings of the sampler.
type drawing struct {
	MaxNewTokens int     `yaml:"max_new_tokens" help:"longest answer in tokens"`
	Temperature  float64 `yaml:"temperature" help:"0: always the most probable token"`
	TopK         int     `yaml:"top_k" help:"draw among the k most probable tokens; 0: all"`
	TopP         float64 `yaml:"top_p" help:"draw among the most probable tokens that together have this probability"`
	Repetition   float64 `yaml:"repetition_penalty" help:"above 1, tokens that were there already become less probable"`
	Seed         uint64  `yaml:"seed" help:"the same seed draws the same tokens"`
}

func (d drawing) sampler() (*generate.Sampler, error) {
	s := &generate.Sampler{Temperature: d.Temperature, TopK: d.TopK, TopP: d.TopP, RepetitionPenalty: d.Repetition, Seed: d.Seed}
	if err := s.Check(); err != nil {
		return nil, usage(err)
	}
	if d.MaxNewTokens < 1 {
		return nil, usage(fmt.Errorf("max_new_tokens is %d, want 1 or more", d.MaxNewTokens))
	}
	return s, nil
}

type asking struct {
	Prompt  string `yaml:"prompt" alias:"instruction" help:"the instruction; with --raw the text to continue"`
	Input   string `yaml:"input" help:"what the instruction is about"`
	Raw     bool   `yaml:"raw" help:"continue the prompt as it is"`
	Verbose bool   `yaml:"verbose" help:"say on standard error why it stopped, and how fast it was"`
}

func newGenerate() *cobra.Command {
	from, ask, draw := source{Compute: "auto"}, asking{}, drawing{MaxNewTokens: 256, Temperature: 0.7, TopP: 0.95, Repetition: 1}
	cmd := &cobra.Command{
		Use:     "generate",
		Aliases: []string{"inference"},
		Short:   "Answer one instruction, or continue a text",
		Example: `  fettle generate --adapter_name_or_path runs/alpaca-lora --prompt "Name a color."
  fettle generate --model_name_or_path models/llama-7b --raw --prompt "Once upon a time" --temperature 0`,
		Args: cobra.NoArgs,
	}
	settings := addSettings(cmd, &from, &ask, &draw)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := settings.load(cmd, &from, &ask, &draw); err != nil {
			return err
		}
		sampler, err := draw.sampler()
		if err != nil {
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
		a, err := s.answer(cmd.Context(), cmd.OutOrStdout(), s.model.NewSession(0), prompt, sampler, draw.MaxNewTokens, ask.Raw)
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
		return nil, usage(errors.New("which prompt does this model know? Give --recipe (alpaca, alpaca-lora, ...), or --raw to continue the text as it is"))
	}
	if a.Prompt == "" {
		return nil, usage(errors.New("prompt is missing: the instruction"))
	}
	return s.recipe.Prompt(s.tok, a.Prompt, a.Input), nil
}

// answered is what an answer came to.
type answered struct {
	text   string
	reason string
	tokens int
	took   time.Duration
}

func (a answered) speed() float64 { return float64(a.tokens) / max(a.took.Seconds(), 1e-9) }

// decoding is a session, as answering needs it.
type decoding interface {
	generate.Decoder
	Len() int
	Capacity() int
}

// answer continues a prompt and writes the text as it comes. whole: the text
// begins with the prompt's continuation as it stands, spaces included.
func (s *speaker) answer(ctx context.Context, out io.Writer, d decoding, prompt []int32, sampler *generate.Sampler, limit int, whole bool) (answered, error) {
	if d.Len()+len(prompt) >= d.Capacity() {
		return answered{}, input(fmt.Errorf("the prompt of %d tokens fills the model's context of %d", d.Len()+len(prompt), d.Capacity()))
	}
	began := time.Now()
	tokens, reason := generate.Tokens(ctx, d, sampler, prompt, generate.Options{MaxNewTokens: limit, Room: d.Capacity() - d.Len(), EOS: s.ends()})
	stream := s.tok.Resume()
	if len(prompt) <= 1 || !whole {
		stream = s.tok.NewStream()
	}
	var a answered
	write := func(text string) error {
		a.text += text
		_, err := io.WriteString(out, text)
		return err
	}
	for token, err := range tokens {
		if err != nil {
			return a, err
		}
		a.tokens++
		if err := write(stream.Push(token)); err != nil {
			return a, err
		}
	}
	a.reason, a.took = *reason, time.Since(began)
	return a, write(stream.Flush())
}
