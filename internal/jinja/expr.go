package jinja

import "strconv"

// expr is an expression.
type expr any

type (
	constant struct{ v any }
	variable struct {
		name string
		line int
	}
	attribute struct {
		x    expr
		name string
		line int
	}
	index struct {
		x, key expr
		line   int
	}
	slicing struct {
		x, from, to, step expr // nil: default
		line              int
	}
	not    struct{ x expr }
	negate struct {
		x    expr
		plus bool
		line int
	}
	binary struct {
		op   string
		x, y expr
		line int
	}
	logic struct { // and, or
		or   bool
		x, y expr
	}
	compare struct {
		x    expr
		ops  []string
		with []expr
		line int
	}
	condition struct{ test, yes, no expr } // no: nil if there is no else
	call      struct {
		f    expr
		args arguments
		line int
	}
	filter struct {
		x    expr // nil: the captured output
		name string
		args arguments
		line int
	}
	test struct {
		x    expr
		name string
		args arguments
		no   bool
		line int
	}
	list struct {
		items []expr
		tuple bool
	}
	dict struct {
		keys, values []expr
		line         int
	}
)

// arguments holds the argument expressions of a call.
type arguments struct {
	place  []expr
	names  []string
	values []expr
	all    expr // *args
	each   expr // **kwargs
}

// tuple parses one expression, or several separated by commas.
func (p *parser) tuple() expr {
	x := p.expression()
	if !p.is(",") {
		return x
	}
	items := []expr{x}
	for p.skip(",") && !p.is("}}") && !p.is("%}") && !p.is(")") {
		items = append(items, p.expression())
	}
	return &list{items, true}
}

func (p *parser) expression() expr {
	defer p.nest()()
	x := p.or()
	for p.skip("if") {
		c := &condition{test: p.or(), yes: x}
		if p.skip("else") {
			c.no = p.expression()
		}
		x = c
	}
	return x
}

func (p *parser) or() expr {
	x := p.and()
	for p.skip("or") {
		x = &logic{true, x, p.and()}
	}
	return x
}

func (p *parser) and() expr {
	x := p.not()
	for p.skip("and") {
		x = &logic{false, x, p.not()}
	}
	return x
}

func (p *parser) not() expr {
	if p.skip("not") {
		defer p.nest()()
		return &not{p.not()}
	}
	return p.comparison()
}

func (p *parser) comparison() expr {
	x := p.sum()
	c := &compare{x: x, line: p.peek().line}
	for {
		op := p.peek().text
		switch {
		case p.is("==") || p.is("!=") || p.is("<") || p.is("<=") || p.is(">") || p.is(">=") || p.is("in"):
			p.next()
		case p.is("not") && p.tokens[p.at+1].text == "in":
			p.next()
			p.next()
			op = "not in"
		case len(c.ops) == 0:
			return x
		default:
			return c
		}
		c.ops, c.with = append(c.ops, op), append(c.with, p.sum())
	}
}

// The following parse binary operators, those of lowest precedence first.
func (p *parser) sum() expr     { return p.binary(p.joined, "+", "-") }
func (p *parser) joined() expr  { return p.binary(p.product, "~") }
func (p *parser) product() expr { return p.binary(p.power, "*", "/", "//", "%") }
func (p *parser) power() expr   { return p.binary(func() expr { return p.unary(true) }, "**") }

func (p *parser) binary(operand func() expr, ops ...string) expr {
	x := operand()
	for {
		t, found := p.peek(), false
		for _, op := range ops {
			found = found || t.kind == operator && t.text == op
		}
		if !found {
			return x
		}
		p.next()
		x = &binary{t.text, x, operand(), t.line}
	}
}

func (p *parser) unary(filtered bool) expr {
	var x expr
	if t := p.peek(); p.is("-") || p.is("+") {
		defer p.nest()()
		p.next()
		x = &negate{p.unary(false), t.text == "+", t.line}
	} else {
		x = p.primary()
	}
	x = p.postfix(x)
	if filtered {
		x = p.filters(x, false)
	}
	return x
}

func (p *parser) primary() expr {
	t := p.next()
	switch t.kind {
	case literal:
		text := t.text
		for p.peek().kind == literal {
			text += p.next().text
		}
		return &constant{Text{s: text}}
	case integer:
		n, err := strconv.ParseInt(t.text, 10, 64)
		if err != nil {
			fail(t.line, "the number %s is too large", t.text)
		}
		return &constant{n}
	case float:
		f, _ := strconv.ParseFloat(t.text, 64)
		return &constant{f}
	case name:
		switch t.text {
		case "true", "True":
			return &constant{true}
		case "false", "False":
			return &constant{false}
		case "none", "None":
			return &constant{nil}
		}
		return &variable{t.text, t.line}
	}
	switch t.text {
	case "(":
		if p.skip(")") {
			return &list{tuple: true}
		}
		x := p.tuple()
		p.want(")")
		return x
	case "[":
		return &list{items: p.items("]")}
	case "{":
		d := &dict{line: t.line}
		for !p.skip("}") {
			if len(d.keys) > 0 {
				if p.want(","); p.skip("}") {
					break
				}
			}
			d.keys = append(d.keys, p.expression())
			p.want(":")
			d.values = append(d.values, p.expression())
		}
		return d
	}
	fail(t.line, "unexpected %q", t.text)
	return nil
}

// items parses expressions up to a closing bracket, with an optional trailing comma.
func (p *parser) items(closer string) []expr {
	var items []expr
	for !p.skip(closer) {
		if len(items) > 0 {
			if p.want(","); p.skip(closer) {
				break
			}
		}
		items = append(items, p.expression())
	}
	return items
}

// postfix parses attributes, subscripts and calls.
func (p *parser) postfix(x expr) expr {
	for {
		t := p.peek()
		switch {
		case p.skip("."):
			if k := p.next(); k.kind == name {
				x = &attribute{x, k.text, t.line}
			} else if n, err := strconv.ParseInt(k.text, 10, 64); err == nil && k.kind == integer {
				x = &index{x, &constant{n}, t.line}
			} else {
				fail(k.line, "unexpected %q, want a name", k.text)
			}
		case p.skip("["):
			x = p.subscript(x, t.line)
		case p.skip("("):
			x = &call{x, p.arguments(), t.line}
		default:
			return x
		}
	}
}

// subscript parses [key] or [from:to:step], after the opening bracket.
func (p *parser) subscript(x expr, line int) expr {
	var parts [3]expr
	n := 0
	for !p.is("]") {
		if p.skip(":") {
			if n++; n > 2 {
				break
			}
		} else {
			parts[n] = p.expression()
			if !p.is(":") {
				break
			}
		}
	}
	p.want("]")
	if n == 0 {
		if parts[0] == nil {
			fail(line, "[] without a key")
		}
		return &index{x, parts[0], line}
	}
	return &slicing{x, parts[0], parts[1], parts[2], line}
}

// arguments parses the arguments of a call, after the opening bracket.
func (p *parser) arguments() (a arguments) {
	for first := true; !p.skip(")"); first = false {
		if !first {
			if p.want(","); p.skip(")") {
				break
			}
		}
		switch {
		case p.skip("*"):
			a.all = p.expression()
		case p.skip("**"):
			a.each = p.expression()
		case p.peek().kind == name && p.tokens[p.at+1].kind == operator && p.tokens[p.at+1].text == "=":
			a.names = append(a.names, p.name())
			p.next()
			a.values = append(a.values, p.expression())
		default:
			a.place = append(a.place, p.expression())
		}
	}
	return a
}

// filters parses filters, tests and calls after a value. With inline the first filter has no bar.
func (p *parser) filters(x expr, inline bool) expr {
	for {
		t := p.peek()
		switch {
		case inline || p.skip("|"):
			inline = false
			f := &filter{x: x, line: t.line, name: p.dotted()}
			if p.skip("(") {
				f.args = p.arguments()
			}
			x = f
		case p.skip("is"):
			x = p.test(x, t.line)
		case x != nil && p.skip("("):
			x = &call{x, p.arguments(), t.line}
		default:
			return x
		}
	}
}

func (p *parser) dotted() string {
	s := p.name()
	for p.skip(".") {
		s += "." + p.name()
	}
	return s
}

// test parses a test after "is".
func (p *parser) test(x expr, line int) expr {
	n := &test{x: x, line: line, no: p.skip("not")}
	switch t := p.peek(); {
	case t.kind == name:
		n.name = p.dotted()
	default:
		fail(t.line, "unexpected %q, want a test", t.text)
	}
	if p.skip("(") {
		n.args = p.arguments()
		return n
	}
	t := p.peek()
	if t.kind == literal || t.kind == integer || t.kind == float || p.is("[") || p.is("{") ||
		t.kind == name && t.text != "else" && t.text != "or" && t.text != "and" && t.text != "if" && t.text != "is" &&
			t.text != "not" && t.text != "in" {
		n.args.place = []expr{p.postfix(p.primary())}
	}
	return n
}
