package jinja

// args holds the evaluated arguments of a call.
type args struct {
	place []any
	names map[string]any
	order []string // the names, as written
}

// get returns positional argument i, or the argument of that name, or otherwise.
func (a args) get(i int, name string, otherwise any) any {
	if i < len(a.place) {
		return a.place[i]
	}
	if v, ok := a.names[name]; ok {
		return v
	}
	return otherwise
}

// value evaluates an expression.
func (e *eval) value(x expr, s *scope) any {
	e.spend(1)
	switch x := x.(type) {
	case *constant:
		return x.v
	case *variable:
		e.line = x.line
		if v, ok := s.get(x.name); ok {
			return v
		}
		return undefined{x.name}
	case *attribute:
		v := e.value(x.x, s)
		e.line = x.line
		return e.attribute(v, x.name)
	case *index:
		v, key := e.value(x.x, s), e.value(x.key, s)
		e.line = x.line
		return e.item(v, key)
	case *slicing:
		return e.slice(x, s)
	case *not:
		return !truthy(e.value(x.x, s))
	case *negate:
		v := e.value(x.x, s)
		e.line = x.line
		return e.negate(v, x.plus)
	case *binary:
		a, b := e.value(x.x, s), e.value(x.y, s)
		e.line = x.line
		return e.binary(x.op, a, b)
	case *logic:
		if v := e.value(x.x, s); truthy(v) == x.or {
			return v
		}
		return e.value(x.y, s)
	case *compare:
		a := e.value(x.x, s)
		for i, op := range x.ops {
			b := e.value(x.with[i], s)
			e.line = x.line
			if !e.compares(op, a, b) {
				return false
			}
			a = b
		}
		return true
	case *condition:
		if truthy(e.value(x.test, s)) {
			return e.value(x.yes, s)
		}
		if x.no == nil {
			return undefined{"the other case of an if"}
		}
		return e.value(x.no, s)
	case *call:
		return e.call(x, s, nil)
	case *filter:
		return e.filtered(x, nil, s)
	case *test:
		v, a := e.value(x.x, s), e.arguments(x.args, s)
		e.line = x.line
		return e.test(x.name, v, a) != x.no
	case *list:
		items := make([]any, len(x.items))
		for i, item := range x.items {
			items[i] = e.value(item, s)
		}
		return newList(map[bool]shape{true: tuple}[x.tuple], items)
	case *dict:
		d := NewDict()
		for i := range x.keys {
			k, v := e.value(x.keys[i], s), e.value(x.values[i], s)
			e.line = x.line
			d.put(k, v)
		}
		return d
	}
	e.fail("an expression of type %T", x)
	return nil
}

// arguments evaluates the arguments of a call.
func (e *eval) arguments(x arguments, s *scope) args {
	a := args{names: map[string]any{}}
	for _, v := range x.place {
		a.place = append(a.place, e.value(v, s))
	}
	if x.all != nil {
		a.place = append(a.place, e.items(e.value(x.all, s))...)
	}
	for i, name := range x.names {
		a.names[name] = e.value(x.values[i], s)
	}
	a.order = x.names
	if x.each != nil {
		d, ok := e.value(x.each, s).(*Dict)
		if !ok {
			e.fail("** takes a mapping")
		}
		for i, k := range d.keys {
			a.names[str(k).s] = d.values[i]
		}
	}
	return a
}

// call calls a function. caller is the body of a call block, or nil.
func (e *eval) call(x *call, s *scope, caller *Function) any {
	v, a := e.value(x.f, s), e.arguments(x.args, s)
	e.line = x.line
	if caller != nil {
		a.names["caller"] = caller
	}
	switch f := v.(type) {
	case *Function:
		return f.call(e, a)
	case undefined:
		e.fail("%s is undefined, and cannot be called", f.what)
	}
	e.fail("a value of type %s cannot be called", kindOf(v))
	return nil
}

// filtered applies a chain of filters, the innermost to v.
func (e *eval) filtered(x expr, v any, s *scope) any {
	f, ok := x.(*filter)
	if !ok {
		return e.value(x, s)
	}
	if inner, ok := f.x.(*filter); ok {
		v = e.filtered(inner, v, s)
	} else if f.x != nil {
		v = e.value(f.x, s)
	}
	a := e.arguments(f.args, s)
	e.line = f.line
	return e.filter(f.name, v, a)
}

// items returns the items that a loop over v visits.
func (e *eval) items(v any) []any {
	switch v := v.(type) {
	case undefined:
		return nil
	case *List:
		e.spend(len(v.Items))
		items := v.Items
		if v.shape == lazy {
			v.Items = nil
		}
		return items
	case *Dict:
		return v.keys
	case Text:
		e.spend(len(v.s))
		return v.chars()
	}
	e.fail("a value of type %s has no items", kindOf(v))
	return nil
}

// attribute evaluates x.name: a method, or else the value of that key.
func (e *eval) attribute(x any, name string) any {
	if u, ok := x.(undefined); ok {
		e.fail("%s is undefined, and has no %s", u.what, name)
	}
	if v := e.method(x, name); v != nil {
		return v
	}
	switch x := x.(type) {
	case *Dict:
		if v, ok := x.Get(name); ok {
			return v
		}
	case *namespace:
		if v, ok := x.vars[name]; ok {
			return v
		}
	}
	return undefined{"the attribute " + name + " of a " + kindOf(x)}
}

// item evaluates x[key]: the value of that key, or else a method.
func (e *eval) item(x, key any) any {
	switch x := x.(type) {
	case undefined:
		e.fail("%s is undefined, and has no items", x.what)
	case *Dict:
		if v, ok := x.get(key); ok {
			return v
		}
	case *List:
		if i, ok := e.place(key, len(x.Items)); ok && (x.shape == plain || x.shape == tuple) {
			return x.Items[i]
		}
	case Text:
		if _, ok := whole(key); ok {
			e.spend(len(x.s) / 16)
			chars := x.chars()
			if i, ok := e.place(key, len(chars)); ok {
				return chars[i]
			}
		}
	}
	if name, ok := key.(Text); ok {
		return e.attribute(x, name.s)
	}
	return undefined{"item " + str(key).s + " of a " + kindOf(x)}
}

// place returns the position of an index, which counts from the end if negative.
func (e *eval) place(key any, n int) (int, bool) {
	i, ok := whole(key)
	if i < 0 {
		i += int64(n)
	}
	return int(i), ok && i >= 0 && i < int64(n)
}

// slice evaluates x[from:to:step].
func (e *eval) slice(x *slicing, s *scope) any {
	v := e.value(x.x, s)
	bound := func(x expr) *int64 {
		if x == nil {
			return nil
		}
		v := e.value(x, s)
		if v == nil {
			return nil
		}
		i, ok := whole(v)
		if !ok {
			e.fail("a slice takes whole numbers, not a %s", kindOf(v))
		}
		return &i
	}
	from, to, step := bound(x.from), bound(x.to), bound(x.step)
	e.line = x.line
	switch v := v.(type) {
	case undefined:
		e.fail("%s is undefined, and has no items", v.what)
	case Text:
		e.spend(len(v.s))
		var texts []Text
		for _, c := range e.sliced(v.chars(), from, to, step) {
			texts = append(texts, c.(Text))
		}
		t := join(texts, Text{})
		t.safe = v.safe
		return t
	case *List:
		if v.shape == plain || v.shape == tuple {
			e.spend(len(v.Items))
			return newList(v.shape, e.sliced(v.Items, from, to, step))
		}
	}
	return undefined{"a slice of a " + kindOf(v)}
}

// sliced returns items[from:to:step], as Python does.
func (e *eval) sliced(items []any, from, to, step *int64) []any {
	by, n := int64(1), int64(len(items))
	if step != nil {
		by = *step
	}
	if by == 0 {
		e.fail("a slice's step is 0")
	}
	low, high := int64(0), n
	begin, end := low, high
	if by < 0 {
		low, high = -1, n-1
		begin, end = high, low
	}
	set := func(at *int64, to *int64) {
		if to == nil {
			return
		}
		i := *to
		if i < 0 {
			i += n
		}
		*at = min(max(i, low), high)
	}
	set(&begin, from)
	set(&end, to)
	var out []any
	for i := begin; by > 0 && i < end || by < 0 && i > end; i += by {
		out = append(out, items[i])
	}
	return out
}
