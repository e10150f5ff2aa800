package jinja

import "fmt"

// scope holds the variables of a loop iteration, a macro or the whole template.
type scope struct {
	vars map[string]any
	up   *scope
}

func (s *scope) get(name string) (any, bool) {
	for ; s != nil; s = s.up {
		if v, ok := s.vars[name]; ok {
			return v, true
		}
	}
	return nil, false
}

func (s *scope) inner() *scope { return &scope{vars: map[string]any{}, up: s} }

// flow states how a block ended.
type flow int

const (
	onward flow = iota
	broken
	continued
)

// eval holds the state of one rendering.
type eval struct {
	out       *builder
	line      int
	work      int
	depth     int   // nested macro calls
	within    int32 // Dict.ID of the outermost loop's item
	generated bool
}

func (e *eval) fail(format string, args ...any) { fail(e.line, format, args...) }

// spend adds n to the work done, in units of a node.
func (e *eval) spend(n int) {
	if e.work += n; e.work > maxWork {
		panic(&Error{Line: e.line, Text: fmt.Sprintf("it takes too long: more than %d steps", maxWork), Costly: true})
	}
}

// located adds the current line to panics that have none.
func (e *eval) located() {
	switch p := recover().(type) {
	case nil:
	case overflow:
		panic(&Error{Line: e.line, Text: string(p), Costly: true})
	case typeError:
		e.fail("%s", string(p))
	default:
		panic(p)
	}
}

// emit appends a text to the output, with the marks of the current loop and generation block.
func (e *eval) emit(t Text) {
	e.spend(1 + len(t.s)/16)
	at := 0
	for _, r := range t.Runs() {
		m := r.Mark
		if m.Within == 0 {
			m.Within = e.within
		}
		m.Generated = m.Generated || e.generated
		e.out.add(t.s[at:r.End], m)
		at = r.End
	}
}

// capture returns the output of a body.
func (e *eval) capture(body []node, s *scope) Text {
	outer := e.out
	e.out = &builder{}
	if e.run(body, s) != onward {
		e.fail("break or continue outside a loop")
	}
	t := e.out.done()
	e.out = outer
	return t
}

// run executes statements.
func (e *eval) run(body []node, s *scope) flow {
	for _, n := range body {
		if f := e.step(n, s); f != onward {
			return f
		}
	}
	return onward
}

func (e *eval) step(n node, s *scope) flow {
	defer e.located()
	e.spend(1)
	switch n := n.(type) {
	case *textNode:
		e.emit(n.text)
	case *outputNode:
		e.line = n.line
		e.emit(str(e.value(n.x, s)))
	case *ifNode:
		for i, test := range n.tests {
			if test == nil || truthy(e.value(test, s)) {
				return e.run(n.bodies[i], s)
			}
		}
	case *forNode:
		return e.loop(n, s)
	case *setNode:
		e.line = n.line
		e.assign(n.target, e.value(n.value, s), s)
	case *captureNode:
		var v any = e.capture(n.body, s.inner())
		if e.line = n.line; n.filter != nil {
			v = e.filtered(n.filter, v, s)
		}
		e.assign(n.target, v, s)
	case *macroNode:
		s.vars[n.name] = &Function{n.name, func(e *eval, a args) any { return e.invoke(n.name, n.def, s, a) }}
	case *callNode:
		caller := &Function{"caller", func(e *eval, a args) any { return e.invoke("caller", n.def, s, a) }}
		e.emit(str(e.call(&n.call, s, caller)))
	case *filterNode:
		t := e.capture(n.body, s.inner())
		e.line = n.line
		e.emit(str(e.filtered(n.filter, t, s)))
	case *withNode:
		in := s.inner()
		for i, name := range n.names {
			in.vars[name] = e.value(n.values[i], s)
		}
		return e.run(n.body, in)
	case *generationNode:
		outer, from := e.generated, e.out.s.Len()
		e.generated = true
		f := e.run(n.body, s)
		e.generated = outer
		if e.out.s.Len() == from {
			e.out.empty = append(e.out.empty, from)
		}
		return f
	case *jumpNode:
		return n.to
	}
	return onward
}

// assign sets variables or an attribute of a namespace.
func (e *eval) assign(to target, v any, s *scope) {
	if to.attribute != "" {
		held, _ := s.get(to.names[0])
		ns, ok := held.(*namespace)
		if !ok {
			e.fail("%s is a %s, want a namespace to set %s", to.names[0], kindOf(held), to.attribute)
		}
		ns.vars[to.attribute] = v
		return
	}
	e.bind(to.names, v, s)
}

// bind assigns a value to one name, or its items to several.
func (e *eval) bind(names []string, v any, s *scope) {
	if len(names) == 1 {
		s.vars[names[0]] = v
		return
	}
	items := e.items(v)
	if len(items) != len(names) {
		e.fail("%d values for %d names", len(items), len(names))
	}
	for i, name := range names {
		s.vars[name] = items[i]
	}
}

// loop runs {% for %}. Output during an iteration over an item with an ID is marked with that ID, including the output
// of inner loops.
func (e *eval) loop(n *forNode, s *scope) flow {
	e.line = n.line
	items := e.items(e.value(n.over, s))
	if n.filter != nil {
		var kept []any
		for _, item := range items {
			in := s.inner()
			e.bind(n.targets, item, in)
			if truthy(e.value(n.filter, in)) {
				kept = append(kept, item)
			}
		}
		items = kept
	}
	outer := e.within
	defer func() { e.within = outer }()
	state := &loopState{items: items}
	for i, item := range items {
		e.spend(1)
		state.at = i
		in := s.inner()
		in.vars["loop"] = state
		e.bind(n.targets, item, in)
		e.within = outer
		if d, ok := item.(*Dict); ok && outer == 0 {
			e.within = d.ID
		}
		if e.run(n.body, in) == broken {
			break
		}
	}
	e.within = outer
	if len(items) == 0 {
		return e.run(n.otherwise, s.inner())
	}
	return onward
}

// invoke calls a macro.
func (e *eval) invoke(name string, d definition, s *scope, a args) any {
	if e.depth++; e.depth > maxDepth {
		e.fail("%s calls itself more than %d deep", name, maxDepth)
	}
	if len(a.place) > len(d.params) {
		e.fail("%s takes %d arguments, not %d", name, len(d.params), len(a.place))
	}
	in := s.inner()
	if c, ok := a.names["caller"]; ok {
		in.vars["caller"] = c
	}
	for i, param := range d.params {
		v, named := a.names[param]
		switch {
		case i < len(a.place):
			v = a.place[i]
		case named:
		case d.defaults[i] != nil:
			v = e.value(d.defaults[i], in)
		default:
			v = undefined{"the argument " + param}
		}
		in.vars[param] = v
	}
	t := e.capture(d.body, in)
	e.depth--
	return t
}
