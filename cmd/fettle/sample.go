package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"fettle/internal/readfile"
	"fettle/model"
	"fettle/model/chat"
	"fettle/train"
)

// sampler returns a function that answers the run's sample prompts, greedily and in the run's own recipe; plain texts
// it continues. Files of prompts are replaced by their lines. It is nil if there are no prompts.
func sampler(c *train.Config, d *runData, weights *model.Model) (func(context.Context, string) (string, error), error) {
	var err error
	if c.SamplePrompts, err = readPrompts(c.SamplePrompts); err != nil || len(c.SamplePrompts) == 0 {
		return nil, input(err)
	}
	if d.tok == nil {
		return nil, usage(errors.New("sample_prompts need the base's tokenizer, and it has none"))
	}
	m := &chat.Model{Weights: weights, Tokenizer: d.tok, Recipe: &d.recipe}
	raw := c.DatasetFormat == "text"
	if raw {
		m.Recipe = nil // no text ends an answer
	}
	questions := map[string]chat.Question{}
	for _, text := range c.SamplePrompts {
		prompt, err := generateSettings{Prompt: text, Raw: raw}.prompt(m)
		if err != nil {
			return nil, err
		}
		if n, most := len(prompt), d.shape.MaxPositions; n == 0 || n >= most {
			return nil, usage(fmt.Errorf("the prompt %q of sample_prompts has %d tokens, want 1 to %d", text, n,
				most-1))
		}
		questions[text] = chat.Question{Prompt: prompt, Sampling: chat.Greedy(c.SampleTokens), Continue: raw}
	}
	return func(ctx context.Context, text string) (string, error) {
		a, err := m.Converse().Ask(ctx, questions[text], discard)
		return strings.TrimRight(a.Text, " \n"), err
	}, nil
}

// discard takes the text of an answer that is read when it is whole.
func discard(string) error { return nil }

// readPrompts replaces @FILE by the lines of the file, without empty ones.
func readPrompts(list []string) ([]string, error) {
	var prompts []string
	for _, p := range list {
		path, isFile := strings.CutPrefix(p, "@")
		if !isFile {
			prompts = append(prompts, p)
			continue
		}
		text, err := readfile.Whole(path, readfile.Settings)
		if err != nil {
			return nil, fmt.Errorf("sample_prompts: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" {
				prompts = append(prompts, line)
			}
		}
	}
	return prompts, nil
}
