package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/spf13/cobra"
)

func newChat() *cobra.Command {
	from, draw := source{Compute: "auto"}, usualDrawing()
	cmd := &cobra.Command{
		Use:     "chat",
		Short:   "Talk to a model",
		Example: "  fettle chat --adapter_name_or_path runs/alpaca-lora",
		Args:    cobra.NoArgs,
	}
	settings := addSettings(cmd, &from, &draw)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := settings.load(cmd, &from, &draw); err != nil {
			return err
		}
		if _, err := draw.sampler(); err != nil {
			return err
		}
		s, err := from.open()
		if err != nil {
			return err
		}
		if s.recipe == nil {
			return usage(errors.New("which prompt does this model know? Give --recipe (alpaca, alpaca-lora, ...)"))
		}
		return s.converse().chat(cmd, draw)
	}
	return cmd
}

// chat answers line after line. The recipe's prompt has room for one
// instruction: every message stands for itself.
func (c *conversation) chat(cmd *cobra.Command, draw drawing) error {
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "Recipe %s: every message is answered on its own. /quit or Ctrl-D ends, Ctrl-C stops an answer.\n", c.recipe.Name)
	lines := bufio.NewScanner(cmd.InOrStdin())
	lines.Buffer(nil, 1<<20)
	for {
		fmt.Fprint(out, "\n> ")
		if !lines.Scan() {
			fmt.Fprintln(out)
			return lines.Err()
		}
		message := strings.TrimSpace(lines.Text())
		switch {
		case message == "":
			continue
		case message == "/quit" || message == "/exit":
			return nil
		case strings.HasPrefix(message, "/"):
			fmt.Fprintln(out, "/quit ends the conversation.")
			continue
		}
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		_, err := c.ask(ctx, question{prompt: c.recipe.Prompt(c.tok, message, ""), draw: draw}, writer(out))
		stop()
		draw.Seed++
		if err != nil {
			fmt.Fprintf(out, "(%v)", err)
		}
		fmt.Fprintln(out)
	}
}
