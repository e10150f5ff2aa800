package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/spf13/cobra"

	"fettle/data/recipe"
	"fettle/model/chat"
	"fettle/model/generate"
)

// chatSettings holds the settings of chat beside those of model and answer.
type chatSettings struct {
	System  string `yaml:"system" group:"prompt" help:"the system message"`
	Verbose bool   `yaml:"verbose" group:"output" help:"print the reason of each answer's end, the speed and the sampling settings with the seed"`
}

func newChat() *cobra.Command {
	from, with, sampling := source{Compute: "auto"}, chatSettings{}, chat.DefaultSampling()
	cmd := &cobra.Command{
		Use:   "chat",
		Short: "Chat with a model",
		Long: `Chat with a model in its prompt template, which an adapter's directory records.
A recipe for conversations gives the model the earlier turns too; a recipe for
single instructions does not.`,
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
	m, err := from.open()
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
	c := chatter{
		Conversation: m.Converse(), dialogue: recipe.Conversation{System: with.System}, sampling: sampling,
		verbose: with.Verbose, out: cmd.OutOrStdout(),
	}
	return c.run(cmd.InOrStdin())
}

// chatter holds a conversation with a person at a terminal.
type chatter struct {
	*chat.Conversation
	dialogue recipe.Conversation
	sampling chat.Sampling // its seed is that of the next answer
	verbose  bool
	out      io.Writer
}

const chatHelp = `/reset    forget the conversation
/retry    answer the last message again
/system   set the system message, or without a text take it back
/quit     end, as Ctrl-D does; Ctrl-C stops an answer`

// run answers one line after another.
func (c *chatter) run(in io.Reader) error {
	name := c.Recipe.Name
	if c.OwnPrompt {
		name += ", the model's own"
	}
	fmt.Fprintf(c.out, "Recipe %s: %s. /help lists commands.\n", name, map[bool]string{
		true: "the model sees the earlier turns", false: "every message is answered on its own",
	}[c.Recipe.Converses()])
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for {
		fmt.Fprint(c.out, "\n> ")
		if !lines.Scan() {
			fmt.Fprintln(c.out)
			return lines.Err()
		}
		message := strings.TrimSpace(lines.Text())
		command, rest, _ := strings.Cut(message, " ")
		switch command {
		case "":
		case "/quit", "/exit":
			return nil
		case "/reset", "/new", "/clear":
			c.dialogue.Turns = nil
			fmt.Fprintln(c.out, "The conversation is cleared.")
		case "/system":
			c.dialogue.System, c.dialogue.Turns = strings.TrimSpace(rest), nil
			fmt.Fprintln(c.out, "A new conversation begins.")
		case "/retry":
			if n := len(c.dialogue.Turns); n >= 2 {
				c.dialogue.Turns = c.dialogue.Turns[:n-1]
				c.answer()
			}
		default:
			if strings.HasPrefix(command, "/") {
				fmt.Fprintln(c.out, chatHelp)
				continue
			}
			c.dialogue.Turns = append(c.dialogue.Turns, recipe.Turn{Role: recipe.User, Text: message})
			c.answer()
		}
	}
}

// answer answers the last turn. Ctrl-C stops it; the text up to there stays.
func (c *chatter) answer() {
	prompt, forgotten, err := c.Fit(&c.dialogue, c.sampling.MaxNewTokens)
	if err != nil {
		fmt.Fprintf(c.out, "(%v)\n", err)
		c.dialogue.Turns = c.dialogue.Turns[:len(c.dialogue.Turns)-1] // the question cannot be answered
		return
	}
	if forgotten > 0 {
		fmt.Fprintf(c.out, "(%d earlier turns no longer fit the model's context)\n", forgotten)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	used := c.sampling
	a, err := c.Ask(ctx, chat.Question{Prompt: prompt, Sampling: used}, writer(c.out))
	c.sampling.Seed++
	switch {
	case err != nil:
		fmt.Fprintf(c.out, "(%v)", err)
	case a.Reason == generate.MaxTokens || a.Reason == generate.ContextFull || a.Reason == generate.Cancelled:
		fmt.Fprintf(c.out, " … (%s)", a.Reason)
	}
	fmt.Fprintln(c.out)
	if c.verbose && err == nil {
		fmt.Fprintf(c.out, "(%s after %d tokens, %.1f tokens/s; %s)\n", a.Reason, a.Tokens, a.Speed(), describe(used))
	}
	c.dialogue.Turns = append(c.dialogue.Turns, recipe.Turn{Role: recipe.Assistant, Text: strings.TrimSpace(a.Text)})
}
