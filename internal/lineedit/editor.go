package lineedit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"unicode"

	"github.com/reeflective/readline"
	"golang.org/x/term"
)

// editor edits messages on the terminal of the process.
type editor struct {
	shell *readline.Shell
	long  pastes
}

func newEditor(o Options) *editor {
	shell := readline.NewShell()
	e := &editor{shell: shell}
	shell.Config.Set("history-size", -1)
	shell.Config.Set("convert-meta", false) // é is a letter, not Alt-i
	shell.Prompt.Primary(func() string { return o.Prompt })
	shell.AcceptMultiline = func(text []rune) bool { return !o.Open(e.long.whole(string(text))) }
	shell.PasteTransformer = e.long.shown
	messages := readHistory(o.History)
	messages.whole = e.long.whole
	shell.History.Add("messages", messages)
	if runtime.GOOS != "windows" {
		// Not every terminal answers when it is asked where its cursor is, and the editor would wait for that.
		shell.Config.Set("cursor-position-probe", false)
		shell.SyntaxHighlighter = func(text []rune) string { return roomFor(string(text)) + string(text) }
	}
	bind(shell)
	return e
}

// bind gives keys their meaning in chats, in the styles of Emacs and vi.
func bind(shell *readline.Shell) {
	end := func(err error) {
		shell.Display.AcceptLine()
		shell.History.Accept(false, false, err)
	}
	shell.Keymap.Register(map[string]func(){
		"self-insert": func() {
			shell.History.SkipSave()
			if keys := shell.Keys.Caller(); !slices.ContainsFunc(keys, unicode.IsControl) {
				shell.Cursor().InsertAt(keys...)
			}
		},
		"take-back": func() { end(readline.ErrInterrupt) },
		"end-or-delete": func() {
			switch text, at := shell.Line(), shell.Cursor().Pos(); {
			case text.Len() == 0:
				end(io.EOF)
			case at < text.Len():
				text.CutRune(at)
			}
		},
	})
	for _, style := range []string{"emacs", "vi-insert", "vi-command"} {
		shell.Config.Bind(style, "\x03", "take-back", false)
		shell.Config.Bind(style, "\x04", "end-or-delete", false)
	}
}

// roomFor scrolls the terminal until there is room below the cursor for a text and one more row, and leaves the cursor
// where it was in front of the text: the editor, which does not know the cursor's place, relies on it.
func roomFor(text string) string {
	width, height, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil || width < 1 {
		return ""
	}
	n := min(rows(text, width), height-1)
	return fmt.Sprintf("%s\x1b[%dA", strings.Repeat("\x1bD", n), n)
}

// rows bounds the number of rows that a text takes behind a prompt, and the cursor behind it.
func rows(text string, width int) (n int) {
	for line := range strings.SplitSeq(text, "\n") {
		columns := 4 // for the prompt
		for _, r := range line {
			switch {
			case r == '\t':
				columns += 8
			case r >= 0x1100: // may be wide
				columns += 2
			default:
				columns++
			}
		}
		n += 1 + columns/width
	}
	return n
}

// read edits one message. It leaves the terminal as it was, also when ctx is cancelled.
func (e *editor) read(ctx context.Context) (string, error) {
	fd := int(os.Stdin.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read the terminal: %w", err)
	}
	typed := make(chan line, 1)
	go func() {
		text, err := e.shell.Readline()
		typed <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		term.Restore(fd, before)
		return "", ctx.Err()
	case t := <-typed:
		if errors.Is(t.err, readline.ErrInterrupt) {
			t.err = ErrInterrupted
		}
		return e.long.whole(t.text), t.err
	}
}
