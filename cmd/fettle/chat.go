package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"fettle/data/recipe"
	"fettle/internal/human"
	"fettle/internal/lineedit"
	"fettle/internal/machine"
	"fettle/model/chat"
	"fettle/train/plan"
)

// chatSettings holds the settings of chat beside those of model and answer.
type chatSettings struct {
	System  string `yaml:"system" group:"prompt" help:"the system message"`
	History string `yaml:"history" path:"true" help:"file that remembers what was typed, for the arrow keys; none: this chat alone; default: fettle/chat_history among the user's settings"`
	Verbose bool   `yaml:"verbose" group:"output" help:"print the reason of each answer's end, the speed and the sampling settings with the seed"`
}

func newChat() *cobra.Command {
	from, with, sampling := source{Compute: "auto"}, chatSettings{}, chat.DefaultSampling()
	cmd := &cobra.Command{
		Use:   "chat",
		Short: "Chat with a model",
		Long: `Chat with a model in its prompt template, which an adapter's directory records.
A recipe for conversations gives the model the earlier turns too; a recipe for
single instructions does not.

On a terminal, arrow keys edit the line and go through earlier messages, and a paste
of many lines is one message. /help lists commands: to change the system message or
a setting, to answer again, to take back, to save and load, to compare with the base.
From a pipe, every line is a message or a command.`,
		Example: "  fettle chat --adapter_name_or_path runs/alpaca-lora",
		Args:    cobra.NoArgs,
	}
	s := addAnswering(cmd, &from, &with, &sampling)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := load(cmd, s); err != nil {
			return err
		}
		return startChat(cmd, from, with, sampling, s.Given)
	}
	return cmd
}

// startChat opens a model and chats with it.
func startChat(
	cmd *cobra.Command, from source, with chatSettings, sampling chat.Sampling, given func(key string) bool,
) error {
	if err := sampling.Check(); err != nil {
		return err
	}
	if err := from.settle(cmd); err != nil {
		return err
	}
	if err := from.complete(); err != nil {
		return err
	}
	defer debug.SetGCPercent(debug.SetGCPercent(plan.GCPercent))
	m, err := from.openFor(sampling.MaxNewTokens+usualPrompt, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	if m.Recipe == nil {
		return m.NoRecipe("pass --recipe (alpaca, alpaca-lora, vicuna, ..., or a file.jinja)")
	}
	if err := prepare(m, &sampling, given, cmd.ErrOrStderr()); err != nil {
		return err
	}
	notSampled(sampling, given, cmd.ErrOrStderr())
	note, err := systemPlace(*m.Recipe, with.System)
	if err != nil {
		return usage(fmt.Errorf("--system: %w", err))
	}
	c := &chatter{
		Conversation: m.Converse(), from: from, dialogue: recipe.Conversation{System: with.System}, sampling: sampling,
		verbose: with.Verbose, out: cmd.OutOrStdout(),
		in: lineedit.New(cmd.InOrStdin(), bare(cmd.OutOrStdout()), lineedit.Options{
			Prompt: "> ", Open: goesOn, History: with.history(),
		}),
	}
	c.introduce()
	if note != "" {
		c.note("%s.", note)
	}
	defer hold(cmd.Context(), "")()
	return c.run(cmd.Context())
}

// history returns the file of earlier messages, "" for none.
func (s chatSettings) history() string {
	switch s.History {
	case "none":
		return ""
	case "":
		dir, err := os.UserConfigDir()
		if err != nil {
			return ""
		}
		return filepath.Join(dir, "fettle", "chat_history")
	}
	return s.History
}

// systemPlace tells what is unusual about a recipe's place for a system message. Without a place it returns an error.
func systemPlace(r recipe.Recipe, system string) (note string, err error) {
	if system == "" {
		return "", nil
	}
	probe := recipe.Conversation{System: system, Turns: []recipe.Turn{{Role: recipe.User, Text: "?"}}}
	if err := r.Check(probe); err != nil {
		return "", fmt.Errorf("recipe %s has no place for a system message: %w", r.Name, err)
	}
	if r.Dialogue == nil && !r.Chat {
		note = fmt.Sprintf("Recipe %s has no place for a system message: it is put in front of each message", r.Name)
	}
	return note, nil
}

// introduce prints what the person talks to.
func (c *chatter) introduce() {
	recipe := c.Recipe.Name
	if c.OwnPrompt {
		recipe += ", the model's own"
	}
	if c.Recipe.Converses() {
		recipe += ": the model sees the earlier turns"
	} else {
		recipe += ": every message is answered on its own"
	}
	adapter := "none"
	if c.from.Adapter != "" {
		adapter = fmt.Sprintf("%s: %s", c.from.Adapter, c.Adapter)
	}
	sampling, _, _ := strings.Cut(describe(c.sampling), ", seed") // it changes with every answer
	width := machine.Width(c.out)
	for _, row := range [][2]string{
		{"Model", fmt.Sprintf("%s: %s", c.from.Model, described{config: c.Weights.Config()})},
		{"Adapter", adapter},
		{"Recipe", recipe},
		{"System", c.dialogue.System},
		{"Context", fmt.Sprintf("%s tokens for prompt and answer; an answer has at most %s",
			human.Count(c.Capacity()), human.Count(min(c.sampling.MaxNewTokens, c.Capacity()-1)))},
		{"Sampling", sampling},
	} {
		if row[1] != "" {
			fmt.Fprintln(c.out, human.Hang(row[0], row[1], 10, width))
		}
	}
	fmt.Fprintln(c.out, "/help lists commands, Ctrl-D ends.")
}

// note prints something that the model has not said, in the width of the terminal.
func (c *chatter) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if machine.IsTerminal(c.out) {
		text = human.Wrap(text, machine.Width(c.out))
	}
	fmt.Fprintln(c.out, text)
}

// screen writes the text of a model as it comes. A terminal gets no control characters but line ends and tabs: they
// could move its cursor, or more.
func screen(out io.Writer) func(string) error {
	write := writer(out)
	if !machine.IsTerminal(out) {
		return write
	}
	return func(text string) error { return write(visible(text)) }
}
