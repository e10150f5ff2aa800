package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofrs/flock"
	"github.com/spf13/cobra"

	datasource "fettle/data/source"
	"fettle/internal/fault"
	"fettle/internal/human"
	"fettle/model/chat"
	"fettle/model/generate"
	"fettle/train"
)

// batchSettings holds the settings for the prompts of a file.
type batchSettings struct {
	InputFile  string   `yaml:"input_file" path:"true" group:"batch" alias:"prompts_file" help:"answer every row of a file, which is read as data sets are; of a plain text every line"`
	OutputFile string   `yaml:"output_file" path:"true" help:"write the answers to this file, as JSON lines: each row with what was generated; an unfinished file is continued; default: standard output"`
	Columns    []string `yaml:"columns" pairs:"true" help:"names of the file's fields: prompt=ask"`
	OnBadRow   string   `yaml:"on_bad_row" help:"stop at a row that cannot be answered, or skip it"`
}

// check returns an error for settings that cannot act.
func (b batchSettings) check(given func(key string) bool) error {
	if b.InputFile == "" {
		for _, key := range []string{"output_file", "columns", "on_bad_row"} {
			if given(key) {
				return usage(fmt.Errorf("--%s cannot act: it is for the prompts of a file, --input_file", key))
			}
		}
		return nil
	}
	for _, key := range []string{"prompt", "input"} {
		if given(key) {
			return usage(fmt.Errorf("--%s cannot act: the prompts are those of --input_file", key))
		}
	}
	switch extension := strings.ToLower(filepath.Ext(b.OutputFile)); {
	case !slices.Contains([]string{"stop", "skip"}, b.OnBadRow):
		return usage(fmt.Errorf("--on_bad_row is %q, want stop or skip", b.OnBadRow))
	case b.OutputFile != "" && extension != ".jsonl" && extension != ".json" && extension != ".ndjson":
		return usage(fmt.Errorf("--output_file %s: answers are written as JSON lines; name it %s.jsonl", b.OutputFile,
			strings.TrimSuffix(b.OutputFile, filepath.Ext(b.OutputFile))))
	case b.OutputFile != "" && sameFile(b.InputFile, b.OutputFile):
		return usage(fmt.Errorf("--output_file %s is the file of the prompts: take another name", b.OutputFile))
	}
	return nil
}

// batch answers the prompts of a file. Row k, counted from 0, is sampled with the seed Sampling.Seed + k, so that its
// answer is that of generate with this seed.
type batch struct {
	*chat.Model
	ask      generateSettings
	sampling chat.Sampling
	by       string // what answers, in words
	seeded   bool   // the seed was given
	rows     int    // of the file
	notes    io.Writer
}

// answerFile answers a file.
func answerFile(
	cmd *cobra.Command, m *chat.Model, from source, ask generateSettings, sampling chat.Sampling, seeded bool,
) error {
	if m.Recipe == nil && !ask.Raw {
		return noPrompt(m)
	}
	b := &batch{Model: m, ask: ask, sampling: sampling, seeded: seeded, notes: cmd.ErrOrStderr()}
	var err error
	if b.by, err = b.describe(from); err != nil {
		return err
	}
	bad, err := b.readAll(cmd.Context())
	if err != nil {
		return err
	}
	if bad > 0 {
		fmt.Fprintf(b.notes, "%s of %s cannot be answered; their lines say why.\n", human.Plural(bad, "row"),
			human.Count(b.rows))
	}
	if ask.OutputFile == "" {
		return b.answerFrom(cmd.Context(), 0, cmd.OutOrStdout())
	}
	return b.into(cmd.Context(), ask.OutputFile)
}

// into appends the answers that a file lacks.
func (b *batch) into(ctx context.Context, path string) error {
	goOnUnread()
	lock := flock.New(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".lock"))
	if info, err := os.Lstat(lock.Path()); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("write %s: %s is a link, or no file: remove it", path, lock.Path())
	}
	if ok, err := lock.TryLock(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	} else if !ok {
		return fmt.Errorf("write %s: another fettle generate is writing it: %w", path, train.ErrBusy)
	}
	defer os.Remove(lock.Path())
	defer lock.Unlock()
	out, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer out.Close()
	done, end, err := b.answered(path, out)
	if err != nil {
		return err
	}
	switch {
	case done == b.rows:
		fmt.Fprintf(b.notes, "%s holds all %s already.\n", path, human.Plural(done, "answer"))
		return nil
	case done > 0:
		fmt.Fprintf(b.notes, "%s holds %s of %s: going on.\n", path, human.Count(done), human.Plural(b.rows, "answer"))
	}
	if err := out.Truncate(end); err != nil { // a line that a crash has cut off
		return fmt.Errorf("write %s: %w", path, err)
	}
	if _, err := out.Seek(end, io.SeekStart); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	err = b.answerFrom(ctx, done, out)
	if e := out.Sync(); err == nil && e != nil {
		err = fmt.Errorf("write %s: %w", path, e)
	}
	return err
}

// prompts reads the rows of the file.
func (b *batch) prompts() func(yield func(datasource.Prompt, error) bool) {
	columns, _ := datasource.ParseColumns(b.ask.Columns) // readAll has checked them
	return datasource.Prompts(datasource.File{Path: b.ask.InputFile, Columns: columns})
}

// readAll counts the rows and those that cannot be answered, which are an error unless they are to be skipped.
func (b *batch) readAll(ctx context.Context) (bad int, err error) {
	if _, err := datasource.ParseColumns(b.ask.Columns); err != nil {
		return 0, usage(fmt.Errorf("--columns: %w", err))
	}
	var first error
	for p, err := range b.prompts() {
		if p.Fields == nil {
			return 0, input(err)
		}
		if ctx.Err() != nil {
			return 0, stopped(fmt.Sprintf("generate: stopped while reading %s", b.ask.InputFile))
		}
		for _, key := range []string{generatedKey, generationKey} {
			if p.Fields[key] != nil {
				return 0, input(fmt.Errorf("read %s: a field is called %q, as that of the answer: rename it", p.Source, key))
			}
		}
		if b.rows++; err == nil {
			_, err = b.tokens(p)
		}
		if err == nil {
			continue
		}
		if bad++; first == nil {
			first = err
		}
		if bad == 1 && b.ask.OnBadRow == "stop" {
			return 0, input(fmt.Errorf("%w\n--on_bad_row skip leaves such rows without an answer", first))
		}
	}
	if b.rows > 0 && bad == b.rows {
		return 0, input(fmt.Errorf("no row can be answered: %w", first))
	}
	return bad, nil
}

// tokens renders a row.
func (b *batch) tokens(p datasource.Prompt) (prompt []int32, err error) {
	d := p.Asked
	wrong := func(err error) error { return fmt.Errorf("read %s: %w", p.Source, err) }
	if b.ask.Raw {
		if len(d.Turns) != 1 || d.System != "" {
			return nil, wrong(errors.New("a conversation cannot be continued as a plain text: leave out --raw"))
		}
		prompt = b.Raw(d.Turns[0].Content())
	} else {
		if d.System == "" {
			d.System = b.ask.System
		}
		if err := b.Recipe.Check(d); err != nil {
			return nil, wrong(err)
		}
		if prompt, err = b.Render(d); err != nil {
			return nil, wrong(err)
		}
	}
	if n, most := len(prompt), b.Capacity(); n == 0 || n >= most {
		return nil, wrong(fmt.Errorf("the prompt has %d tokens, want 1 to %d for a context of %d", n, most-1, most))
	}
	return prompt, nil
}

// answerFrom answers the rows from one on.
func (b *batch) answerFrom(ctx context.Context, first int, out io.Writer) error {
	c, shown := b.Converse(), newTally(b.notes, first, b.rows)
	row := -1
	for p, err := range b.prompts() {
		if row++; row < first {
			continue
		}
		if p.Fields == nil {
			return input(err)
		}
		a := answered{Row: p.Fields}
		var prompt []int32
		if err == nil {
			prompt, err = b.tokens(p)
		}
		if err != nil {
			a.Error = err.Error()
		} else if err := b.answer(ctx, c, row, prompt, &a); err != nil {
			shown.end()
			if ctx.Err() != nil {
				return stopped(b.interrupted(row))
			}
			return fmt.Errorf("answer %s: %w", p.Source, err)
		}
		if _, err := out.Write(a.line()); err != nil {
			shown.end()
			return fmt.Errorf("write the answer to %s: %w", p.Source, err)
		}
		shown.add(a)
	}
	shown.end()
	shown.sum(b.ask.OutputFile)
	return nil
}

// interrupted says how far the answers are.
func (b *batch) interrupted(done int) string {
	text := fmt.Sprintf("generate: stopped after %s of %s", human.Count(done), human.Plural(b.rows, "answer"))
	if b.ask.OutputFile != "" {
		text += "; the same command goes on"
	}
	return text
}

// answer answers one prompt.
func (b *batch) answer(ctx context.Context, c *chat.Conversation, row int, prompt []int32, into *answered) error {
	q := chat.Question{Prompt: prompt, Sampling: b.sampling, Continue: b.ask.Raw && b.Continues(prompt)}
	q.Sampling.Seed += uint64(row)
	a, err := c.Ask(ctx, q, discard)
	if err == nil && a.Reason == generate.Cancelled {
		err = context.Canceled
	}
	into.Text, into.Reason, into.Tokens, into.By = a.Text, a.Reason, a.Tokens, b.by
	if b.sampling.Temperature > 0 {
		into.Seed = &q.Sampling.Seed
	}
	return err
}

// noPrompt returns the error of generate for a model without a recipe.
func noPrompt(m *chat.Model) error {
	return m.NoRecipe("pass --recipe (alpaca, alpaca-lora, ..., or a file.jinja), or --raw to continue the text as it is")
}

// refused returns an error for an output file that holds something else.
func refused(format string, args ...any) error {
	return fault.Mark(fmt.Errorf(format, args...), fault.Refused)
}
