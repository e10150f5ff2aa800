package jinja

import "slices"

// node is a statement.
type node any

type (
	textNode   struct{ text Text }
	outputNode struct {
		x    expr
		line int
	}
	ifNode struct {
		tests  []expr // nil: else
		bodies [][]node
	}
	forNode struct {
		targets         []string
		over, filter    expr
		body, otherwise []node
		line            int
	}
	setNode struct {
		target target
		value  expr
		line   int
	}
	captureNode struct { // {% set x %} … {% endset %}
		target target
		filter expr
		body   []node
		line   int
	}
	macroNode struct {
		name string
		def  definition
	}
	callNode struct { // {% call(…) f(…) %}
		def  definition
		call call
	}
	filterNode struct {
		filter expr
		body   []node
		line   int
	}
	withNode struct {
		names  []string
		values []expr
		body   []node
	}
	generationNode struct{ body []node }
	jumpNode       struct{ to flow }
)

// target holds the left side of {% set %}: variables, or an attribute of a namespace.
type target struct {
	names     []string
	attribute string
}

// definition holds the parameters and the body of a macro or a call block.
type definition struct {
	params   []string
	defaults []expr // nil: none
	body     []node
}

// parser parses tokens by recursive descent.
type parser struct {
	tokens []token
	at     int
	depth  int
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if p.at < len(p.tokens)-1 {
		p.at++
	}
	return t
}

// is reports whether the next token is the name or operator text.
func (p *parser) is(text string) bool {
	t := p.peek()
	return (t.kind == name || t.kind == operator || t.kind == end || t.kind == begin) && t.text == text
}

func (p *parser) skip(text string) bool {
	if p.is(text) {
		p.next()
		return true
	}
	return false
}

func (p *parser) want(text string) token {
	if !p.is(text) {
		fail(p.peek().line, "unexpected %q, want %q", p.peek().text, text)
	}
	return p.next()
}

func (p *parser) name() string {
	t := p.next()
	if t.kind != name {
		fail(t.line, "unexpected %q, want a name", t.text)
	}
	return t.text
}

// nest bounds the depth of brackets and blocks.
func (p *parser) nest() func() {
	if p.depth++; p.depth > maxDepth {
		fail(p.peek().line, "nested more than %d deep", maxDepth)
	}
	return func() { p.depth-- }
}

// block parses statements up to {% and one of the names in until, which it does not consume.
func (p *parser) block(until ...string) []node {
	defer p.nest()()
	var body []node
	for {
		switch t := p.next(); {
		case t.kind == data:
			body = append(body, &textNode{Text{s: t.text}})
		case t.kind == begin && t.text == "{{":
			x := p.tuple()
			p.want("}}")
			body = append(body, &outputNode{x, t.line})
		case t.kind == begin:
			if k := p.peek(); k.kind == name && slices.Contains(until, k.text) {
				return body
			}
			body = append(body, p.statement())
		case len(until) > 0:
			fail(t.line, "unexpected end of the template, want {%% %s %%}", until[0])
		default:
			return body
		}
	}
}

// rest parses the end of an opening tag, the body, and the closing tag.
func (p *parser) rest(until string) []node {
	p.want("%}")
	body := p.block(until)
	p.want(until)
	p.want("%}")
	return body
}

// statement parses a statement after {%.
func (p *parser) statement() node {
	t := p.next()
	switch t.text {
	case "if":
		return p.ifStatement()
	case "for":
		return p.forStatement(t.line)
	case "set":
		return p.set(t.line)
	case "macro":
		m := &macroNode{name: p.name()}
		p.want("(")
		p.params(&m.def)
		m.def.body = p.rest("endmacro")
		return m
	case "call":
		c := &callNode{}
		if p.skip("(") {
			p.params(&c.def)
		}
		x, ok := p.expression().(*call)
		if !ok {
			fail(t.line, "call needs the call of a macro")
		}
		c.call = *x
		c.def.body = p.rest("endcall")
		return c
	case "filter":
		f := &filterNode{filter: p.filters(nil, true), line: t.line}
		f.body = p.rest("endfilter")
		return f
	case "with":
		w := &withNode{}
		for !p.is("%}") {
			if len(w.names) > 0 {
				p.want(",")
			}
			w.names = append(w.names, p.name())
			p.want("=")
			w.values = append(w.values, p.expression())
		}
		w.body = p.rest("endwith")
		return w
	case "generation":
		return &generationNode{p.rest("endgeneration")}
	case "break", "continue":
		p.want("%}")
		return &jumpNode{map[string]flow{"break": broken, "continue": continued}[t.text]}
	case "include", "import", "from", "extends", "block":
		fail(t.line, "%q reads other templates, which a chat template may not", t.text)
	}
	fail(t.line, "unknown statement %q", t.text)
	return nil
}

func (p *parser) ifStatement() node {
	n := &ifNode{}
	for {
		n.tests = append(n.tests, p.tuple())
		p.want("%}")
		n.bodies = append(n.bodies, p.block("endif", "elif", "else"))
		switch p.next().text {
		case "elif":
			continue
		case "else":
			n.tests = append(n.tests, nil)
			n.bodies = append(n.bodies, p.rest("endif"))
			return n
		}
		p.want("%}")
		return n
	}
}

func (p *parser) forStatement(line int) node {
	n := &forNode{line: line, targets: p.targets()}
	p.want("in")
	n.over = p.or()
	if p.skip("if") {
		n.filter = p.expression()
	}
	if p.is("recursive") {
		fail(line, "recursive loops are not supported")
	}
	p.want("%}")
	n.body = p.block("endfor", "else")
	if p.next().text == "else" {
		n.otherwise = p.rest("endfor")
		return n
	}
	p.want("%}")
	return n
}

// targets parses the names that a loop or set assigns to: a, or a, b, or (a, b).
func (p *parser) targets() []string {
	open := p.skip("(")
	names := []string{p.name()}
	for p.skip(",") {
		names = append(names, p.name())
	}
	if open {
		p.want(")")
	}
	return names
}

func (p *parser) set(line int) node {
	to := target{names: p.targets()}
	if len(to.names) == 1 && p.skip(".") {
		to.attribute = p.name()
	}
	if p.skip("=") {
		n := &setNode{to, p.tuple(), line}
		p.want("%}")
		return n
	}
	n := &captureNode{target: to, line: line}
	if p.skip("|") {
		n.filter = p.filters(nil, true)
	}
	n.body = p.rest("endset")
	return n
}

// params parses the parameters of a definition, after the opening bracket.
func (p *parser) params(d *definition) {
	for !p.skip(")") {
		if len(d.params) > 0 {
			p.want(",")
		}
		d.params = append(d.params, p.name())
		var value expr
		if p.skip("=") {
			value = p.expression()
		}
		d.defaults = append(d.defaults, value)
	}
}
