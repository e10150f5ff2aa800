package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"fettle/internal/settings"
	"fettle/model/chat"
)

// addAnswering gives a command the settings of the structs, the last of which are those of an answer. Their seed has no
// default to show.
func addAnswering(cmd *cobra.Command, configs ...any) *settings.Settings {
	s := addSettings(cmd, configs...)
	cmd.Flags().Lookup("seed").DefValue = ""
	return s
}

// prepare completes the settings of answers: those that are not given get the values of the model's
// generation_config.json, the seed a random one. It notes on out what the file asks for and cannot have.
func prepare(m *chat.Model, sampling *chat.Sampling, given func(key string) bool, out io.Writer) error {
	if err := m.Generation.Defaults(sampling, given); err != nil {
		return err
	}
	if missing := m.Generation.Unsupported(); len(missing) > 0 {
		fmt.Fprintf(out, "%s also asks for %s, which fettle does not have.\n", m.Generation.Path,
			strings.Join(missing, ", "))
	}
	if !given("seed") {
		sampling.Seed = chat.NewSeed()
	}
	return nil
}

// notSampled names the given settings that do nothing, as the most probable token is taken.
func notSampled(sampling chat.Sampling, given func(key string) bool, out io.Writer) {
	for _, key := range []string{"top_k", "top_p", "min_p", "seed"} {
		if sampling.Temperature == 0 && given(key) {
			fmt.Fprintf(out, "%s is not used: temperature is 0, which always takes the most probable token.\n", key)
		}
	}
}

// describe writes the settings of an answer in one line.
func describe(s chat.Sampling) string {
	if s.Temperature == 0 {
		return fmt.Sprintf("temperature 0, repetition_penalty %v", s.Repetition)
	}
	return fmt.Sprintf("temperature %v, top_k %d, top_p %v, min_p %v, repetition_penalty %v, seed %d", s.Temperature,
		s.TopK, s.TopP, s.MinP, s.Repetition, s.Seed)
}
