package jinja

// builtins returns the functions that every template can call.
func builtins() map[string]any {
	fn := func(name string, call func(e *eval, a args) any) *Function { return &Function{name, call} }
	return map[string]any{
		"namespace": fn("namespace", func(e *eval, a args) any {
			ns := &namespace{map[string]any{}}
			for _, v := range a.place {
				d, ok := v.(*Dict)
				if !ok {
					e.fail("namespace of a %s", kindOf(v))
				}
				for i, k := range d.keys {
					ns.vars[str(k).s] = d.values[i]
				}
			}
			for name, v := range a.names {
				ns.vars[name] = v
			}
			return ns
		}),
		"range": fn("range", numbers),
		"dict": fn("dict", func(e *eval, a args) any {
			d := NewDict()
			if from, ok := a.get(0, "", nil).(*Dict); ok {
				for i, k := range from.keys {
					d.put(k, from.values[i])
				}
			}
			for _, name := range a.order {
				d.put(Text{s: name}, a.names[name])
			}
			return d
		}),
		"joiner": fn("joiner", func(e *eval, a args) any {
			sep, used := a.get(0, "sep", Text{s: ", "}), false
			return fn("joiner", func(*eval, args) any {
				if used {
					return sep
				}
				used = true
				return Text{}
			})
		}),
		"cycler": fn("cycler", func(e *eval, a args) any {
			if len(a.place) == 0 {
				e.fail("cycler of nothing")
			}
			at := 0
			return &namespace{map[string]any{
				"next": fn("next", func(*eval, args) any {
					at++
					return a.place[(at-1)%len(a.place)]
				}),
				"reset": fn("reset", func(*eval, args) any {
					at = 0
					return nil
				}),
			}}
		}),
		"raise_exception": fn("raise_exception", func(e *eval, a args) any {
			panic(&Error{Line: e.line, Text: str(a.get(0, "message", nil)).s, Raised: true})
		}),
	}
}

// numbers implements range.
func numbers(e *eval, a args) any {
	bounds := []int{0, 0, 1}
	switch len(a.place) {
	case 1:
		bounds[1] = e.int(a.place[0])
	case 2, 3:
		for i, v := range a.place {
			bounds[i] = e.int(v)
		}
	default:
		e.fail("range takes 1 to 3 numbers")
	}
	from, to, by := bounds[0], bounds[1], bounds[2]
	if by == 0 {
		e.fail("range with a step of 0")
	}
	var items []any
	for i := from; by > 0 && i < to || by < 0 && i > to; i += by {
		if len(items) == maxRange {
			e.fail("range of more than %d numbers", maxRange)
		}
		items = append(items, int64(i))
	}
	e.spend(len(items))
	return newList(plain, items)
}

// Clock returns a strftime_now that calls format with a template's layout, such as "%d %b %Y".
func Clock(format func(layout string) string) *Function {
	return &Function{"strftime_now", func(e *eval, a args) any {
		return Text{s: format(e.text(a.get(0, "format", nil)).s)}
	}}
}

// loopState is the variable "loop".
type loopState struct {
	items []any
	at    int
	seen  any // last argument of changed
}

func (l *loopState) attribute(name string) any {
	neighbour := func(i int) any {
		if i < 0 || i >= len(l.items) {
			return undefined{"loop." + name}
		}
		return l.items[i]
	}
	n := len(l.items)
	switch name {
	case "index":
		return int64(l.at + 1)
	case "index0":
		return int64(l.at)
	case "revindex":
		return int64(n - l.at)
	case "revindex0":
		return int64(n - l.at - 1)
	case "first":
		return l.at == 0
	case "last":
		return l.at == n-1
	case "length":
		return int64(n)
	case "previtem":
		return neighbour(l.at - 1)
	case "nextitem":
		return neighbour(l.at + 1)
	case "cycle":
		return &Function{"cycle", func(e *eval, a args) any {
			if len(a.place) == 0 {
				e.fail("loop.cycle of nothing")
			}
			return a.place[l.at%len(a.place)]
		}}
	case "changed":
		return &Function{"changed", func(e *eval, a args) any {
			now := newList(tuple, a.place)
			changed := l.seen == nil || !equal(l.seen, now)
			l.seen = now
			return changed
		}}
	}
	return nil
}
