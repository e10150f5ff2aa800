// Package jinja renders the Jinja templates that tokenizers come with. It is
// the part of Jinja that such templates use, with Python's behaviour where that
// shows, and three things that Jinja has not: rendered text knows, byte by byte,
// who wrote it (Text); a template cannot run, grow or recurse without end; and
// it can read nothing but what it is given.
//
// Within the package errors travel as panics of type *Error, which Parse and
// Render turn into errors, as in text/template.
package jinja

import "fmt"

// Bounds on what one rendering may cost. Chat templates with long conversations
// stay a hundred times below.
const (
	maxWork  = 1_000_000 // nodes evaluated, and 16ths of bytes made
	maxText  = 8 << 20   // bytes of any text
	maxDepth = 150       // macros within macros; brackets within brackets
	maxRange = 100_000   // as in Jinja's sandbox
	maxSize  = 256 << 10 // bytes of a template
)

// Error is what is wrong with a template, or what it says itself.
type Error struct {
	Line   int
	Text   string
	Raised bool // by the template's raise_exception
	Costly bool // one of the bounds was met: trying again is as long
}

// Error names the line.
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

// Render renders a template with variables: nil, bool, int, int64, float64,
// string, Text, *List, *Dict and *Function. strftime_now is not among what
// every template can call, as it would read the clock.
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
