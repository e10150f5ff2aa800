package source

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"fettle/data/recipe"
)

// Prompt is a row that asks for an answer.
type Prompt struct {
	Row
	Asked recipe.Conversation // up to the question; its answer, if the row has one, is left out
}

// Prompts reads the rows of a file, which may lack answers, in order. Of a plain text every line that is not empty is a
// prompt. A row that holds none has an error of its own, and its Row; the sequence goes on. An error of the file has no
// Row and ends it.
func Prompts(f File) iter.Seq2[Prompt, error] {
	return func(yield func(Prompt, error) bool) {
		if isProse(f.Path) {
			for rec, err := range cutRecords(f.Path, nil, cutLines) {
				p, err := linePrompt(rec, err)
				if !yield(p, err) || p.Fields == nil {
					return
				}
			}
			return
		}
		r, err := Open(f, nil)
		if err != nil {
			yield(Prompt{}, err)
			return
		}
		for rec, err := range r.Records() {
			if err != nil {
				yield(Prompt{}, err)
				return
			}
			p := Prompt{}
			if p.Row, err = rec.Row(); err == nil {
				p.Asked, err = r.prompt(p.Row)
			} else {
				p.Row = Row{Fields: map[string]json.RawMessage{}, Source: rec.Source()}
			}
			if !yield(p, err) {
				return
			}
		}
		for _, meaning := range r.Absent() {
			yield(Prompt{}, r.AbsentError(meaning))
			return
		}
	}
}

// isProse reports whether a file holds plain text by its name.
func isProse(path string) bool {
	extension := strings.ToLower(filepath.Ext(strings.TrimSuffix(strings.TrimSuffix(path, ".gz"), ".bz2")))
	return extension == ".txt" || extension == ".md"
}

// linePrompt makes a line a prompt.
func linePrompt(rec Record, err error) (p Prompt, _ error) {
	if err != nil {
		return p, err
	}
	p.Row = Row{Fields: rec.fields, Source: rec.Source()}
	if rec.err != nil {
		return p, fmt.Errorf("read %s: %w", p.Source, rec.err)
	}
	var text string
	err = json.Unmarshal(rec.fields["prompt"], &text)
	p.Asked = recipe.Instruction(text, "")
	p.Asked.Source = p.Source
	return p, err
}

// cutLines cuts a plain text into its lines, without those that are empty.
func cutLines(path string, in *bufio.Reader, put func(Record) bool) error {
	for line := 1; ; line++ {
		text, err := in.ReadString('\n')
		if err != nil && err != io.EOF {
			return fmt.Errorf("read %s:%d: %w", path, line, err)
		}
		if trimmed := strings.TrimSpace(text); trimmed != "" {
			r := Record{line: line, fields: map[string]json.RawMessage{"prompt": quote(trimmed)}}
			if !utf8.ValidString(trimmed) {
				r.err = errors.New("the text is not UTF-8")
			}
			if !put(r) {
				return errStopped
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

// prompt reads a row up to its last question. Rows without a question are an error.
func (r *Reader) prompt(row Row) (c recipe.Conversation, err error) {
	f := r.fields(row)
	f.see()
	if err := f.refuseMedia(); err != nil {
		return c, err
	}
	switch r.format.name {
	case "tokenized", "segments":
		return c, f.errorf("rows of the format %s hold no messages to answer", r.format.name)
	case "text":
		c.Source = f.Source
		t := recipe.Turn{Role: recipe.User}
		t.Text, err = f.text(true, "text")
		c.Turns = append(c.Turns, t)
	case "alpaca", "prompt_completion":
		c, err = readQuestion(f)
	default:
		c, err = r.format.read(f)
	}
	if err != nil {
		return c, err
	}
	last := -1
	for i, t := range slices.Backward(c.Turns) {
		if t.Asks() {
			last = i
			break
		}
	}
	if last < 0 || strings.TrimSpace(c.Turns[last].Content()) == "" {
		return c, f.errorf("it asks nothing")
	}
	c.Turns = c.Turns[:last+1]
	return c, nil
}

// readQuestion reads one question with what stands before and beside it.
func readQuestion(f fields) (recipe.Conversation, error) {
	c, err := f.question()
	if err != nil {
		return c, err
	}
	options, err := f.choices()
	if err != nil {
		return c, err
	}
	options.addTo(&c)
	return f.addBeside(c)
}
