package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"fettle/internal/human"
	"fettle/internal/machine"
	"fettle/internal/settings"
)

// printHelp explains a command in the width of the terminal, at most 120 columns.
func printHelp(cmd *cobra.Command, _ []string) {
	out := cmd.OutOrStdout()
	fmt.Fprint(out, help(cmd, min(machine.Width(out), 120)))
}

func help(cmd *cobra.Command, width int) string {
	var b strings.Builder
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	b.WriteString(human.Wrap(text, width) + "\n\nUsage:\n")
	if cmd.HasSubCommands() {
		fmt.Fprintf(&b, "  %s command [flags]\n", cmd.CommandPath())
	} else {
		fmt.Fprintf(&b, "  %s [flags]\n", cmd.CommandPath())
	}
	if len(cmd.Aliases) > 0 {
		fmt.Fprintf(&b, "\nAlso called: %s\n", strings.Join(cmd.Aliases, ", "))
	}
	if cmd.Example != "" {
		b.WriteString("\nExamples:\n")
		for line := range strings.Lines(cmd.Example) {
			b.WriteString(shellLine(strings.TrimSpace(line), width) + "\n")
		}
	}
	if cmd.HasSubCommands() {
		b.WriteString("\nCommands:\n")
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() {
				b.WriteString(human.Hang("  "+c.Name(), c.Short, 13, width) + "\n")
			}
		}
	}
	b.WriteString(settings.Help(cmd.Flags(), width))
	return b.String()
}

// shellLine breaks a command line before its flags, as a shell reads it.
func shellLine(line string, width int) string {
	var b strings.Builder
	at := 0
	for i, part := range strings.SplitAfter(strings.ReplaceAll(line, " --", "\x00 --"), "\x00") {
		part = strings.TrimSpace(strings.TrimSuffix(part, "\x00"))
		switch {
		case i == 0:
			b.WriteString("  " + part)
			at = 2 + len(part)
		case at+1+len(part)+2 > width:
			b.WriteString(" \\\n      " + part)
			at = 6 + len(part)
		default:
			b.WriteString(" " + part)
			at += 1 + len(part)
		}
	}
	return b.String()
}
