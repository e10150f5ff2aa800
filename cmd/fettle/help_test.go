package main

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

func TestHelpIsNeverWiderThanTheTerminal(t *testing.T) {
	var check func(cmd *cobra.Command)
	check = func(cmd *cobra.Command) {
		cmd.InitDefaultHelpFlag()
		for _, width := range []int{60, 80, 100, 120} {
			for line := range strings.Lines(help(cmd, width)) {
				require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), width, line)
			}
		}
		for _, sub := range cmd.Commands() {
			check(sub)
		}
	}
	check(newRoot())
}

func TestHelpIsGrouped(t *testing.T) {
	for args, want := range map[string][]string{
		"train":       {"Model:", "Data:", "Method:", "Optimization:", "Compute:", "Output:", "General:"},
		"plan":        {"Model:", "Data:", "Method:", "Optimization:", "Compute:", "Output:", "General:"},
		"inspect":     {"Model:", "Data:", "Method:", "Optimization:", "Compute:", "Output:", "General:"},
		"generate":    {"Model:", "Prompt:", "Sampling:", "Compute:", "Output:", "General:"},
		"chat":        {"Model:", "Prompt:", "Sampling:", "Compute:", "General:"},
		"serve":       {"Model:", "Prompt:", "Sampling:", "Compute:", "Server:", "General:"},
		"bench train": {"Model:", "Method:", "Workload:", "Compute:", "Output:", "General:"},
	} {
		said := must(t, append(strings.Fields(args), "--help")...)
		at := 0
		for _, title := range want {
			next := strings.Index(said[at:], "\n"+title+"\n")
			require.GreaterOrEqual(t, next, 0, "%s: %s", args, title)
			at += next
		}
	}
	require.Contains(t, must(t, "train", "--help"),
		fmt.Sprintf("\n  --lora_rank number %10s rank of LoRA (default 8)\n", ""))
}

func TestExamplesAreBrokenAsAShellReadsThem(t *testing.T) {
	require.Equal(t, "  fettle train --dataset a.json \\\n      --output_dir runs/a",
		shellLine("fettle train --dataset a.json --output_dir runs/a", 34))
	require.Equal(t, "  fettle chat", shellLine("fettle chat", 60))
}

func TestOfManyFlagsHelpExplainsTheCommonOnes(t *testing.T) {
	short, whole := must(t, "train", "--help"), must(t, "help", "train")
	for _, name := range []string{"dataset", "lora_rank", "learning_rate", "output_dir", "config"} {
		require.Contains(t, short, "\n  --"+name+" ")
	}
	require.NotContains(t, short, "adam_beta2")
	require.Regexp(t, `These are \d+ of \d+ flags: fettle help train explains all of them\.`, short)
	require.Contains(t, whole, "adam_beta2")
	require.NotContains(t, whole, "These are")
	require.Contains(t, must(t, "plan", "--help"), "--probe", "a flag of the command alone")
	require.NotContains(t, must(t, "chat", "--help"), "These are", "all of a few")
	code, _, stderr := call("", "train", "--help-all")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "fettle help train explains all flags")
}
