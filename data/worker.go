package data

import (
	"errors"
	"fmt"
	"hash/maphash"
	"strings"

	"fettle/data/clean"
	"fettle/data/encode"
	"fettle/data/lint"
	"fettle/data/recipe"
	"fettle/data/source"
)

// worker turns the records of a file into examples. It is safe for concurrent use.
type worker struct {
	*encode.Encoder
	checker *lint.Checker
	recipe  recipe.Recipe
	file    *source.Reader
	options Options
}

// work parses, repairs, cleans, encodes and checks one record.
func (w worker) work(r source.Record) outcome {
	row, err := r.Row()
	if err != nil {
		return outcome{bad: err}
	}
	if w.file.Format() == "tokenized" {
		return w.tokenized(row)
	}
	c, use, err := w.file.Conversation(row)
	if err != nil {
		return outcome{bad: err}
	}
	var fixed []string
	if w.options.Fix {
		drop := false
		if fixed, drop = lint.Repair(&c); drop {
			return outcome{fixed: fixed, dropped: "there is no answer", use: use, source: c.Source}
		}
	}
	opening := uint64(0)
	if w.options.Clean {
		why := "it used plugins"
		if len(c.Segments) > 0 {
			return outcome{bad: fmt.Errorf("read %s: clean takes conversations, this record is a text without turns", c.Source)}
		}
		if !row.Has("plugins") {
			why = clean.Conversation(&c)
		}
		if why != "" {
			return outcome{dropped: why, cleaned: true, use: use, source: c.Source}
		}
		opening = maphash.String(seed, c.Turns[0].Text+"\x00"+c.Turns[1].Text)
	}
	w.recipe.Restrict(&c, w.options.TrainOn)
	if w.recipe.Refuses(c) {
		return outcome{dropped: "the answer is labelled as bad", refused: true, use: use, source: c.Source}
	}
	marks := w.checker.Conversation(c)
	fitted, err := w.Fit(c, w.options.Cutoff, w.options.OverLong)
	out := refused(err)
	out.examples, out.length = fitted.Examples, fitted.Length
	out.use = w.withReasoning(use, c)
	out.opening, out.source, out.fixed, out.answer = opening, c.Source, fixed, lint.Hash(c.Answers())
	if len(out.examples) > 0 {
		first := out.examples[0]
		marks = append(marks, w.checker.Example(first, len(first.Tokens) >= out.length, c)...)
	}
	if fitted.Lost > 0 && len(out.examples) > 0 {
		marks = append(marks, lint.Mark{Rule: "turns-dropped", Text: fmt.Sprintf(
			"%d of %d turns: a question and its answer have more than max_seq_length %d tokens",
			fitted.Lost, len(c.Turns), w.options.Cutoff)})
	}
	if fitted.Fused {
		marks = append(marks, lint.Mark{
			Rule: "boundary-fusion", Text: fmt.Sprintf("the answer %.20q shares a token with the prompt", c.Answers()),
		})
	}
	out.marks = marks
	return out
}

// tokenized turns a record of token ids into an example.
func (w worker) tokenized(row source.Row) outcome {
	e, use, err := w.file.Example(row)
	if err == nil && w.options.Clean {
		err = fmt.Errorf("read %s: clean takes conversations, this record is tokenized", e.Source)
	}
	if err != nil {
		return outcome{bad: err}
	}
	examples, err := encode.FitTokens(e, w.options.Cutoff, w.options.OverLong)
	out := refused(err)
	out.examples, out.length, out.source, out.use = examples, len(e.Tokens), e.Source, use
	out.marks = w.checker.Example(e, false, recipe.Conversation{})
	return out
}

// refused returns the outcome of a failed encoding: a row that is too long under
// the policy "error" ends the loading, any other error makes the row a bad one.
func refused(err error) outcome {
	var long *encode.OverLongError
	if errors.As(err, &long) {
		return outcome{fatal: err}
	}
	return outcome{bad: err}
}

// seed makes hashes comparable within a process.
var seed = maphash.MakeSeed()

// withReasoning adds to the unread fields the reasoning of answers, if the recipe prints none of it.
func (w worker) withReasoning(u source.Use, c recipe.Conversation) source.Use {
	key, printed := "", false
	var text string
	for _, t := range c.Turns {
		if t.Reasoning == "" {
			continue
		}
		if key == "" {
			segments, _ := w.recipe.Segments(c)
			for _, s := range segments {
				text += s.Text
			}
		}
		key = t.ReasoningKey
		printed = printed || strings.Contains(text, strings.TrimSpace(t.Reasoning))
	}
	if key != "" && !printed {
		u.Unread = append(u.Unread, "messages[]."+key)
	}
	return u
}
