package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

// within runs the program, which should refuse its settings and not begin to work.
func within(limit time.Duration, args []string) (code int, stderr string) {
	ended := make(chan struct{})
	go func() {
		code, _, stderr = call("", args...)
		close(ended)
	}()
	select {
	case <-ended:
		return code, stderr
	case <-time.After(limit):
		return 0, "it went to work"
	}
}

// Every number that a command takes has a range: what is beyond is refused, before anything is loaded, written or
// listened on, with the setting's name and what it may be.
func TestNumbersBeyondTheirRangeAreRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	base, set := tiny(t, tinymodel.Config{}), rows(t, 8)
	needs := map[string][]string{
		"train": training(base, set, "out")[1:], "plan": training(base, set, "out")[1:],
		"inspect":  {"--model_name_or_path", base, "--dataset", set},
		"init":     {"--model_name_or_path", base, "--dataset", set},
		"demo":     {"--output_dir", "out"},
		"generate": {"--model_name_or_path", base, "--raw", "--prompt", "a"},
		"chat":     {"--model_name_or_path", base, "--recipe", "alpaca"},
		"serve":    {"--model_name_or_path", base, "--port", "0"},

		"bench matmul":   {"--shape", "tiny", "--tokens", "4", "--steps", "1"},
		"bench train":    {"--shape", "tiny", "--tokens", "4", "--steps", "1"},
		"bench generate": {"--shape", "tiny", "--tokens", "4", "--steps", "1"},
	}
	var visit func(*cobra.Command)
	var missed []string
	checked, seen := 0, map[string]bool{}
	visit = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
		name := strings.TrimPrefix(cmd.CommandPath(), "fettle ")
		if name == "doctor" {
			return // it checks a run's settings as train does, after the machine
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			values := map[string][]string{
				"int":     {"-7", "9223372036854775807"},
				"float64": {"-7", "NaN", "1e300"},
				"uint64":  {"-7", "18446744073709551616"},
			}[f.Value.Type()]
			if f.Hidden || seen[f.Name+f.Usage] {
				return // another name, or checked for another command, by the same code
			}
			seen[f.Name+f.Usage] = true
			if slices.Contains([]string{"lora_alpha", "frequency_penalty", "presence_penalty"}, f.Name) {
				values = values[1:] // they may be negative
			}
			for _, v := range values {
				args := append(append(strings.Fields(name), needs[name]...), "--"+f.Name, v)
				code, stderr := within(time.Minute, args)
				checked++
				if code != exitUsage || !strings.Contains(stderr, f.Name) {
					missed = append(missed, strings.Join([]string{name, f.Name, v, stderr}, " | "))
				}
			}
		})
	}
	visit(newRoot())
	require.Greater(t, checked, 120)
	for _, m := range missed {
		t.Errorf("%.300s", m)
	}
}
