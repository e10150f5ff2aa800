package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"fettle/internal/human"
	"fettle/internal/machine"
	"fettle/internal/settings"
)

// common lists the settings of a run that most people set. Those of a command alone are common, too.
func common() []string {
	return []string{
		"model_name_or_path", "adapter_name_or_path",
		"recipe", "dataset", "eval_dataset", "val_size", "max_seq_length", "over_long",
		"finetuning_type", "lora_rank", "lora_alpha", "lora_dropout", "lora_target_modules",
		"per_device_train_batch_size", "gradient_accumulation_steps", "num_train_epochs", "max_steps", "learning_rate",
		"seed", "quantization", "max_memory", "threads",
		"output_dir", "eval_steps", "save_steps", "resume", "dashboard", "log_format", "config", "help",
	}
}

// few is the number of flags that help explains without being asked for all.
const few = 40

// printHelp explains a command in the width of the terminal, at most 120 columns: of many flags, the common ones.
func printHelp(cmd *cobra.Command, _ []string) {
	out, all, own := cmd.OutOrStdout(), 0, []string{}
	run := newTrain().Flags()
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		if all++; run.Lookup(f.Name) == nil || slices.Contains(common(), f.Name) {
			own = append(own, f.Name)
		}
	})
	width := min(machine.Width(out), 120)
	if all <= few {
		fmt.Fprint(out, help(cmd, width))
		return
	}
	path := strings.TrimPrefix(cmd.CommandPath(), cmd.Root().DisplayName()+" ")
	fmt.Fprintf(out, "%s\n%s\n", help(cmd, width, own...), human.Wrap(fmt.Sprintf(
		"These are %d of %d flags: %s help %s explains all of them.", len(own), all, cmd.Root().DisplayName(), path), width))
}

// help explains a command and the flags of the names, all without names.
func help(cmd *cobra.Command, width int, names ...string) string {
	var b strings.Builder
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	b.WriteString(human.Wrap(text, width) + "\n\nUsage:\n")
	if cmd.HasSubCommands() {
		fmt.Fprintf(&b, "  %s command [flags]\n", cmd.CommandPath())
	} else {
		fmt.Fprintf(&b, "  %s\n", cmd.UseLine())
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
	b.WriteString(settings.Help(cmd.Flags(), width, names...))
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
