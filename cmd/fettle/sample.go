package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"fettle/model"
	"fettle/train"
)

// sampling answers the instructions a run is watched by, greedily and in the
// run's own recipe; plain texts it continues. Files of prompts are replaced by
// what they hold. It is nil where nothing is asked.
func sampling(c *train.Config, m *material, wearing *model.Model) (func(context.Context, string) (string, error), error) {
	var err error
	if c.SamplePrompts, err = readPrompts(c.SamplePrompts); err != nil || len(c.SamplePrompts) == 0 {
		return nil, input(err)
	}
	if m.tok == nil {
		return nil, usage(errors.New("config: sample_prompts need the base's tokenizer, and it has none"))
	}
	s := &speaker{model: wearing, tok: m.tok, recipe: &m.recipe}
	raw := c.DatasetFormat == "text"
	if raw {
		s.recipe = nil // no text ends an answer
	}
	greedy := drawing{MaxNewTokens: c.SampleTokens, TopP: 1, Repetition: 1}
	prompts := map[string][]int32{}
	for _, text := range c.SamplePrompts {
		if prompts[text], err = s.prompt(asking{Prompt: text, Raw: raw}); err != nil {
			return nil, err
		}
		if n, most := len(prompts[text]), m.shape.MaxPositions; n == 0 || n >= most {
			return nil, usage(fmt.Errorf("config: the prompt %q of sample_prompts has %d tokens, want 1 to %d", text, n, most-1))
		}
	}
	return func(ctx context.Context, text string) (string, error) {
		a, err := s.converse().ask(ctx, question{prompt: prompts[text], draw: greedy, goingOn: raw}, func(string) error { return nil })
		return strings.TrimRight(a.text, " \n"), err
	}, nil
}

// readPrompts replaces @FILE by the lines of the file that are not empty.
func readPrompts(list []string) ([]string, error) {
	var prompts []string
	for _, p := range list {
		path, isFile := strings.CutPrefix(p, "@")
		if !isFile {
			prompts = append(prompts, p)
			continue
		}
		text, err := os.ReadFile(path)
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
