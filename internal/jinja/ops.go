package jinja

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// binary evaluates an arithmetic operator.
func (e *eval) binary(op string, a, b any) any {
	for _, v := range []any{a, b} {
		if u, ok := v.(undefined); ok && op != "~" {
			e.fail("%s is undefined, and there is no %s of it", u.what, op)
		}
	}
	x, texts := a.(Text)
	switch y, both := b.(Text); {
	case op == "~":
		x, y = str(a), str(b)
		x.safe, y.safe = false, false
		return e.concat(x, y)
	case op == "+" && texts && both:
		return e.concat(x, y)
	case op == "*" && texts:
		return e.repeat(x, b)
	case op == "*" && both:
		return e.repeat(y, a)
	case op == "%" && texts:
		return e.printf(x, b)
	}
	l, ok := a.(*List)
	if r, both := b.(*List); ok && both && op == "+" && l.shape == r.shape && l.shape <= tuple {
		e.spend(len(l.Items) + len(r.Items))
		return newList(l.shape, slices.Concat(l.Items, r.Items))
	}
	if i, ok := whole(a); ok {
		if j, ok := whole(b); ok && op != "/" && !(op == "**" && j < 0) {
			return e.integers(op, i, j)
		}
	}
	f, ok := number(a)
	g, both := number(b)
	if !ok || !both {
		e.fail("there is no %s of a %s and a %s", op, kindOf(a), kindOf(b))
	}
	return e.floats(op, f, g)
}

func (e *eval) concat(a, b Text) Text {
	e.spend((len(a.s) + len(b.s)) / 16)
	if a.safe != b.safe {
		a, b = escaped(a), escaped(b)
	}
	out := builder{safe: a.safe}
	out.text(a)
	out.text(b)
	return out.done()
}

func (e *eval) repeat(t Text, by any) any {
	n, ok := whole(by)
	if !ok {
		e.fail("a text times a %s", kindOf(by))
	}
	if n <= 0 || t.s == "" {
		return Text{}
	}
	if n > maxText/int64(len(t.s)) {
		panic(tooLong)
	}
	e.spend(int(n) * (1 + len(t.s)/16))
	b := builder{safe: t.safe}
	for range n {
		b.text(t)
	}
	return b.done()
}

// integers evaluates an operator on integers. Division rounds down, as in Python.
func (e *eval) integers(op string, a, b int64) any {
	if b == 0 && (op == "//" || op == "%") {
		e.fail("division by zero")
	}
	var exact float64
	var out int64
	switch op {
	case "+":
		exact, out = float64(a)+float64(b), a+b
	case "-":
		exact, out = float64(a)-float64(b), a-b
	case "*":
		exact, out = float64(a)*float64(b), a*b
	case "//":
		out = int64(math.Floor(float64(a) / float64(b)))
		exact = float64(out)
	case "%":
		if out = a % b; out != 0 && (out < 0) != (b < 0) {
			out += b
		}
		exact = float64(out)
	case "**":
		exact = math.Pow(float64(a), float64(b))
		out = int64(exact)
	}
	if math.Abs(exact) >= 1<<53 {
		e.fail("a number beyond 2⁵³")
	}
	return out
}

func (e *eval) floats(op string, a, b float64) any {
	if b == 0 && (op == "/" || op == "//" || op == "%") {
		e.fail("division by zero")
	}
	switch op {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "/":
		return a / b
	case "//":
		return math.Floor(a / b)
	case "%":
		return a - b*math.Floor(a/b)
	}
	return math.Pow(a, b)
}

func (e *eval) negate(v any, plus bool) any {
	if i, ok := whole(v); ok {
		return map[bool]int64{true: i, false: -i}[plus]
	}
	f, ok := number(v)
	if !ok {
		e.fail("the negative of a %s", kindOf(v))
	}
	return map[bool]float64{true: f, false: -f}[plus]
}

// printf formats as Python's "%s and %s" % values does.
func (e *eval) printf(form Text, v any) any {
	values := []any{v}
	if l, ok := v.(*List); ok && l.shape == tuple {
		values = l.Items
	}
	var b builder
	for form.s != "" {
		i := strings.IndexByte(form.s, '%')
		if i < 0 {
			i = len(form.s)
		}
		b.text(form.slice(0, i))
		verb := form.s[i:min(i+2, len(form.s))]
		switch {
		case verb == "":
		case verb == "%%":
			b.text(form.slice(i, i+1))
		case (verb == "%s" || verb == "%d" || verb == "%i") && len(values) > 0:
			b.text(str(values[0]))
			values = values[1:]
		case verb == "%r" && len(values) > 0:
			repr(&b, values[0])
			values = values[1:]
		default:
			e.fail("the format %q with %d values left", verb, len(values))
		}
		form = form.slice(i+len(verb), len(form.s))
	}
	return b.done()
}

// compares evaluates a comparison.
func (e *eval) compares(op string, a, b any) bool {
	switch op {
	case "==":
		return equal(a, b)
	case "!=":
		return !equal(a, b)
	case "in":
		return e.contains(b, a)
	case "not in":
		return !e.contains(b, a)
	}
	c := e.order(a, b)
	return map[string]bool{"<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0}[op]
}

// order returns −1, 0 or 1 for a < b, a == b and a > b.
func (e *eval) order(a, b any) int {
	if x, ok := number(a); ok {
		if y, ok := number(b); ok {
			return cmp.Compare(x, y)
		}
	}
	if x, ok := a.(Text); ok {
		if y, ok := b.(Text); ok {
			return strings.Compare(x.s, y.s)
		}
	}
	if x, ok := a.(*List); ok {
		if y, ok := b.(*List); ok && x.shape == y.shape {
			return slices.CompareFunc(x.Items, y.Items, e.order)
		}
	}
	e.fail("a %s and a %s have no order", kindOf(a), kindOf(b))
	return 0
}

// contains evaluates Python's "in".
func (e *eval) contains(in, v any) bool {
	switch in := in.(type) {
	case Text:
		t, ok := v.(Text)
		if !ok {
			e.fail("a %s in a text", kindOf(v))
		}
		e.spend(len(in.s) / 16)
		return strings.Contains(in.s, t.s)
	case *Dict:
		_, ok := in.get(v)
		return ok
	}
	return slices.ContainsFunc(e.items(in), func(item any) bool { return equal(item, v) })
}

// escaped escapes a text for HTML.
func escaped(t Text) Text {
	if t.safe {
		return t
	}
	t = t.change(func(r rune) string {
		switch r {
		case '&':
			return "&amp;"
		case '<':
			return "&lt;"
		case '>':
			return "&gt;"
		case '"':
			return "&#34;"
		case '\'':
			return "&#39;"
		}
		return string(r)
	})
	t.safe = true
	return t
}
