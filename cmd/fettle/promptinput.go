package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"fettle/internal/machine"
	"fettle/internal/readfile"
)

// read replaces a prompt @FILE by the text of the file, and - , or none where something is piped in, by standard input.
// @@ at the beginning stands for @.
func (a *generateSettings) read(stdin io.Reader, given bool) error {
	name, isFile := strings.CutPrefix(a.Prompt, "@")
	switch {
	case a.InputFile != "":
		return nil
	case strings.HasPrefix(name, "@"):
		a.Prompt = name
		return nil
	case isFile:
		f, err := readfile.Open(atHome(name))
		if err != nil {
			return fmt.Errorf("--prompt %s names a file (@@ begins a prompt with @): %w", a.Prompt, err)
		}
		defer f.Close()
		return a.readFrom(f, name)
	case a.Prompt == "-" || !given && !machine.IsTerminal(stdin):
		if err := a.readFrom(stdin, "standard input"); err != nil {
			return err
		}
		given = a.Prompt != ""
	}
	if !given && !a.Raw {
		return usage(errors.New("no prompt: give --prompt TEXT, --prompt @FILE, a prompt on standard input, or many with " +
			"--input_file FILE"))
	}
	return nil
}

// readFrom reads a text without its last line end.
func (a *generateSettings) readFrom(in io.Reader, name string) error {
	text, err := io.ReadAll(io.LimitReader(in, readfile.Text+1))
	switch {
	case err != nil:
		return input(fmt.Errorf("read the prompt: %w", err))
	case len(text) > readfile.Text:
		return input(fmt.Errorf("read the prompt from %s: it is longer than %d MiB", name, readfile.Text>>20))
	case !utf8.Valid(text):
		return input(fmt.Errorf("read the prompt from %s: it is not UTF-8", name))
	}
	a.Prompt = strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	return nil
}
