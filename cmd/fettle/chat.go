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

	"fettle/data/encode"
	"fettle/data/recipe"
	"fettle/model/generate"
)

// chatting are the settings of chat beside those of answers.
type chatting struct {
	System string `yaml:"system" help:"the system message"`
}

func newChat() *cobra.Command {
	from, chat, draw := source{Compute: "auto"}, chatting{}, usualDrawing()
	cmd := &cobra.Command{
		Use:   "chat",
		Short: "Talk to a model",
		Long: `Talk to a model in the words it was tuned with, which an adapter's directory
knows. Where the recipe knows conversations it is told what was said before;
a recipe for single instructions is not.`,
		Example: "  fettle chat --adapter_name_or_path runs/alpaca-lora",
		Args:    cobra.NoArgs,
	}
	s := addSettings(cmd, &from, &chat, &draw)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := load(cmd, s); err != nil {
			return err
		}
		return talk(cmd, from, chat.System, draw)
	}
	return cmd
}

// talk opens a model and chats with it.
func talk(cmd *cobra.Command, from source, system string, draw drawing) error {
	if _, err := draw.sampler(); err != nil {
		return err
	}
	s, err := from.open()
	if err != nil {
		return err
	}
	if s.recipe == nil {
		return s.unspoken("Give --recipe (alpaca, alpaca-lora, vicuna, ..., or a file.jinja)")
	}
	c := chatter{conversation: s.converse(), said: recipe.Conversation{System: system}, draw: draw, out: cmd.OutOrStdout()}
	return c.run(cmd.InOrStdin())
}

// chatter is a conversation with a person at a terminal.
type chatter struct {
	*conversation
	said recipe.Conversation
	draw drawing
	out  io.Writer
}

const chatHelp = `/reset    forget what was said
/retry    answer the last message again
/system   set the system message, or without a text take it back
/quit     end, as Ctrl-D does; Ctrl-C stops an answer`

// run answers line after line.
func (c *chatter) run(in io.Reader) error {
	name := c.recipe.Name
	if c.own {
		name += ", the model's own"
	}
	fmt.Fprintf(c.out, "Recipe %s: %s. /help lists commands.\n", name, map[bool]string{
		true: "the model is told what was said before", false: "every message is answered on its own",
	}[c.recipe.Converses()])
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
			c.said.Turns = nil
			fmt.Fprintln(c.out, "Forgotten.")
		case "/system":
			c.said.System, c.said.Turns = strings.TrimSpace(rest), nil
			fmt.Fprintln(c.out, "A new conversation.")
		case "/retry":
			if n := len(c.said.Turns); n >= 2 {
				c.said.Turns = c.said.Turns[:n-1]
				c.answer()
			}
		default:
			if strings.HasPrefix(command, "/") {
				fmt.Fprintln(c.out, chatHelp)
				continue
			}
			c.said.Turns = append(c.said.Turns, recipe.Turn{Role: recipe.User, Text: message})
			c.answer()
		}
	}
}

// answer answers the last turn. Ctrl-C stops it; what was said until then stays.
func (c *chatter) answer() {
	prompt, forgotten, err := c.fitting(&c.said, c.draw.MaxNewTokens)
	if err != nil {
		fmt.Fprintf(c.out, "(%v)\n", err)
		c.said.Turns = c.said.Turns[:len(c.said.Turns)-1] // it cannot be asked
		return
	}
	if forgotten > 0 {
		fmt.Fprintf(c.out, "(%d earlier turns no longer fit the model's context)\n", forgotten)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	a, err := c.ask(ctx, question{prompt: prompt, draw: c.draw}, writer(c.out))
	c.draw.Seed++
	switch {
	case err != nil:
		fmt.Fprintf(c.out, "(%v)", err)
	case a.reason == generate.MaxTokens || a.reason == generate.ContextFull || a.reason == generate.Cancelled:
		fmt.Fprintf(c.out, " … (%s)", a.reason)
	}
	fmt.Fprintln(c.out)
	c.said.Turns = append(c.said.Turns, recipe.Turn{Role: recipe.Assistant, Text: strings.TrimSpace(a.text)})
}

// fitting renders a conversation, without its first turns if it must be to
// leave room for an answer.
func (c *conversation) fitting(said *recipe.Conversation, room int) (prompt []int32, forgotten int, err error) {
	limit := max(c.session.Capacity()-room, c.session.Capacity()/2)
	for {
		prompt, err = encode.New(c.tok, *c.recipe).Prompt(*said)
		if err != nil || len(prompt) < limit || len(said.Turns) < 3 {
			return prompt, forgotten, err
		}
		n := 1
		if len(prompt) >= 2*limit {
			n = len(said.Turns) / 2 // far too long: not turn by turn
		}
		for n < len(said.Turns)-1 && said.Turns[n].Role != recipe.User {
			n++
		} // up to a question
		said.Turns = said.Turns[n:]
		forgotten += n
	}
}
