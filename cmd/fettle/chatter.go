package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"unicode"

	"fettle/data/recipe"
	"fettle/internal/lineedit"
	"fettle/model/chat"
	"fettle/model/generate"
)

// chatter holds a conversation with a person at a terminal.
type chatter struct {
	*chat.Conversation
	from     source
	base     *chat.Conversation // without the adapter; nil until it is asked
	dialogue recipe.Conversation
	before   int           // turns of the dialogue that the model no longer sees
	sampling chat.Sampling // its seed is that of the next answer
	used     chat.Sampling // that of the last answer
	verbose  bool
	both     bool   // the base answers every message too
	file     string // the dialogue was saved to, or loaded from
	in       *lineedit.Reader
	out      io.Writer

	interrupts chan os.Signal // that nothing has taken yet
}

// The ends of a chat: by a command, and by Ctrl-C.
var (
	errQuit = errors.New("quit")
	errLeft = stopped("chat: stopped; the conversation is not kept (/save FILE keeps one)")
)

// run answers one message after another. An interrupt takes back what was typed, or stops an answer; a second one in a
// row ends the chat.
func (c *chatter) run(ctx context.Context) error {
	if ctx.Err() != nil { // before the chat began
		return errLeft
	}
	ctx, stop := signal.NotifyContext(context.WithoutCancel(ctx), syscall.SIGTERM)
	defer stop()
	c.interrupts = make(chan os.Signal, 1) // one between two messages must not end the program either
	signal.Notify(c.interrupts, os.Interrupt)
	defer signal.Stop(c.interrupts)
	interrupted := false
	for {
		fmt.Fprintln(c.out)
		text, err := c.read(ctx)
		if !c.in.Edits && err == nil {
			err = ctx.Err()
		}
		switch {
		case errors.Is(err, io.EOF):
			fmt.Fprintln(c.out)
			return nil
		case errors.Is(err, lineedit.ErrInterrupted) && c.in.Edits && !interrupted:
			interrupted = true
			c.note("Ctrl-C again ends the chat, as Ctrl-D does.")
			continue
		case errors.Is(err, lineedit.ErrInterrupted), errors.Is(err, context.Canceled):
			fmt.Fprintln(c.out)
			return errLeft
		case err != nil:
			return input(fmt.Errorf("chat: %w", err))
		}
		interrupted = false
		if err := c.take(text); err == errQuit {
			return nil
		} else if err != nil {
			c.note("%v", err)
		}
	}
}

// read waits for the next message.
func (c *chatter) read(ctx context.Context) (string, error) {
	waiting, stop := c.untilInterrupt(ctx)
	defer stop()
	text, err := c.in.Read(waiting)
	if err != nil && ctx.Err() == nil && waiting.Err() != nil {
		err = lineedit.ErrInterrupted
	}
	return text, err
}

// untilInterrupt returns a context that the next interrupt cancels. stop ends that, and must be called.
func (c *chatter) untilInterrupt(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		select {
		case <-c.interrupts:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel()
		<-over
	}
}

// quotes begin and end a message of several lines, or one that looks like a command.
const quotes = `"""`

// goesOn reports whether a message, or the text of a command, begins with quotes and lacks those at its end.
func goesOn(text string) bool {
	text = strings.TrimSpace(text)
	if command, rest, _ := strings.Cut(text, " "); strings.HasPrefix(command, "/") {
		text = strings.TrimSpace(rest)
	}
	inner, quoted := strings.CutPrefix(text, quotes)
	return quoted && !strings.HasSuffix(inner, quotes)
}

// unquoted returns the text between quotes, without the line ends next to them.
func unquoted(text string) (inner string, quoted bool) {
	text = strings.TrimSpace(text)
	if len(text) < 2*len(quotes) || !strings.HasPrefix(text, quotes) || !strings.HasSuffix(text, quotes) {
		return text, false
	}
	inner = text[len(quotes) : len(text)-len(quotes)]
	return strings.TrimSuffix(strings.TrimPrefix(inner, "\n"), "\n"), true
}

// take answers a message or carries out a command.
func (c *chatter) take(text string) error {
	message, quoted := unquoted(text)
	switch {
	case strings.TrimSpace(message) == "":
		return nil
	case quoted:
		return c.ask(message)
	case strings.HasPrefix(message, "/"):
		return c.command(message)
	case message == "quit" || message == "exit" || message == "help":
		return c.command("/" + message)
	}
	return c.ask(message)
}

// ask answers a message. One that cannot be answered is taken back.
func (c *chatter) ask(message string) error {
	n := len(c.dialogue.Turns)
	c.dialogue.Turns = append(c.dialogue.Turns, recipe.Turn{Role: recipe.User, Text: message})
	err := c.answer()
	if err != nil {
		c.dialogue.Turns = c.dialogue.Turns[:n]
	}
	return err
}

// answer answers the last turn, and lets the base do so too where answers are compared.
func (c *chatter) answer() error {
	seen := c.seen()
	prompt, forgotten, err := c.Fit(&seen, c.sampling.MaxNewTokens)
	if err != nil {
		return err
	}
	if c.before += forgotten; forgotten > 0 {
		c.note("The model no longer sees the first %d turns, which do not fit its context.", c.before)
	}
	if c.both {
		fmt.Fprintln(c.out, "tuned:")
	}
	c.used = c.sampling
	c.sampling.Seed++
	a, err := c.say(c.Conversation, prompt)
	if err != nil {
		return err
	}
	if a.Text == "" && a.Reason == generate.Cancelled {
		return errors.New("the message is taken back")
	}
	c.dialogue.Turns = append(c.dialogue.Turns, recipe.Turn{Role: recipe.Assistant, Text: strings.TrimSpace(a.Text)})
	if c.both && a.Reason != generate.Cancelled {
		return c.askBase()
	}
	return nil
}

// seen returns what the model sees of the dialogue up to its last question.
func (c *chatter) seen() recipe.Conversation {
	d := c.dialogue
	d.Turns = d.Turns[:lastQuestion(d.Turns)+1]
	if n := len(d.Turns); n > 0 && !c.Recipe.Converses() {
		c.before = 0
		d.Turns = d.Turns[n-1:]
	}
	d.Turns = d.Turns[min(c.before, max(0, len(d.Turns)-1)):]
	return d
}

// say prints an answer as it comes. Ctrl-C stops it; the text up to there stays.
func (c *chatter) say(who *chat.Conversation, prompt []int32) (chat.Answer, error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ctx, stopWaiting := c.untilInterrupt(ctx)
	defer stopWaiting()
	a, err := who.Ask(ctx, chat.Question{Prompt: prompt, Sampling: c.used}, screen(c.out))
	fmt.Fprintln(c.out)
	switch {
	case err != nil:
		return a, err
	case a.Reason == generate.MaxTokens:
		c.note("(The answer is cut after %d tokens; /set max_new_tokens allows more.)", a.Tokens)
	case a.Reason == generate.ContextFull:
		c.note("(The answer ends where the model's context of %d tokens is full.)", who.Capacity())
	case a.Reason == generate.Cancelled:
		c.note("(stopped)")
	case a.Text == "":
		c.note("(The answer is empty: the model ends it at once.)")
	}
	if c.verbose {
		c.note("(%s after %d tokens, %.1f tokens/s; %s)", a.Reason, a.Tokens, a.Speed(), describe(c.used))
	}
	return a, nil
}

// visible replaces control characters.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
