// Package jinja renders the Jinja templates that come with tokenizers. It covers the part of Jinja that such templates
// use, with Python's behaviour, and differs from Jinja in three ways: rendered text records the author of each byte
// (Text); time, size and recursion are bounded; and a template reads nothing but its variables.
//
// Within the package errors travel as panics of type *Error, which Parse and Render turn into errors, as in
// text/template.
package jinja

import "fmt"

// Bounds on the cost of one rendering. Chat templates with long conversations need a hundredth of them.
const (
	maxWork  = 1_000_000 // evaluated nodes, plus a sixteenth of the bytes produced
	maxText  = 8 << 20   // bytes of any text
	maxDepth = 150       // nested macro calls, nested brackets and blocks
	maxRange = 100_000   // as in Jinja's sandbox
	maxSize  = 256 << 10 // bytes of a template
)

// Error reports a mistake in a template, or a call of raise_exception.
type Error struct {
	Line   int
	Text   string
	Raised bool // by raise_exception
	Costly bool // a bound was exceeded
}

// Error returns the message with its line.
func (e *Error) Error() string {
	if e.Raised {
		return fmt.Sprintf("line %d: the template says: %s", e.Line, e.Text)
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Text)
}

// Template is a parsed template. It is safe for concurrent use.
type Template struct {
	body []node
}

// Parse reads a template as Hugging Face's transformers do: with trim_blocks,
// lstrip_blocks, break, continue and {% generation %}.
func Parse(source string) (t *Template, err error) {
	defer catch(&err)
	if len(source) > maxSize {
		fail(1, "the template has %d bytes, at most %d are read", len(source), maxSize)
	}
	p := &parser{tokens: lex(source)}
	body := p.block()
	if k := p.peek(); k.kind != endOfFile {
		fail(k.line, "unexpected %q", k.text)
	}
	return &Template{body}, nil
}

// Render renders a template with variables of type nil, bool, int, int64, float64, string, Text, *List, *Dict and
// *Function. strftime_now must be one of them to be callable: Render does not read the clock.
func (t *Template) Render(vars map[string]any) (out Text, err error) {
	defer catch(&err)
	globals := &scope{vars: builtins()}
	top := &scope{vars: map[string]any{}, up: globals}
	for name, v := range vars {
		top.vars[name] = imported(v)
	}
	e := &eval{out: &builder{}}
	switch e.run(t.body, top) {
	case broken, continued:
		e.fail("break or continue outside a loop")
	}
	return e.out.done(), nil
}

// catch turns the package's panics into an error.
func catch(err *error) {
	switch p := recover().(type) {
	case nil:
	case *Error:
		*err = p
	default:
		panic(p)
	}
}

func fail(line int, format string, args ...any) {
	panic(&Error{Line: line, Text: fmt.Sprintf(format, args...)})
}
