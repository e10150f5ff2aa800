package jinja

import (
	"slices"
	"strconv"
	"strings"
)

// listFilter evaluates v|name(args…) for the filters over a value's items. ok is false if name is not one of them.
func (e *eval) listFilter(name string, v any, a args) (out any, ok bool) {
	switch name {
	case "list":
		return newList(plain, slices.Clone(e.items(v))), true
	case "first", "last":
		if l, ok := v.(*List); ok && name == "last" && l.shape == lazy {
			e.fail("last of a generator")
		}
		items := e.items(v)
		switch {
		case len(items) == 0:
			return undefined{"the " + name + " of nothing"}, true
		case name == "first":
			return items[0], true
		}
		return items[len(items)-1], true
	case "join":
		return e.joinFilter(v, a), true
	case "items":
		d, ok := v.(*Dict)
		if _, missing := v.(undefined); missing {
			return newList(lazy, nil), true
		} else if !ok {
			e.fail("items of a %s, want a mapping", kindOf(v))
		}
		return newList(lazy, pairs(d)), true
	case "reverse":
		items := slices.Clone(e.items(v))
		slices.Reverse(items)
		if t, ok := v.(Text); ok {
			return e.joined(texts(items), Text{safe: t.safe}), true
		}
		return newList(lazy, items), true
	case "map", "select", "reject", "selectattr", "rejectattr":
		if !truthy(v) {
			return newList(lazy, nil), true
		}
		return newList(lazy, e.each(name, e.items(v), a)), true
	case "sort", "unique", "min", "max", "dictsort", "groupby":
		return e.sorted(name, v, a), true
	case "sum":
		var sum any = a.get(1, "start", int64(0))
		for _, item := range e.items(v) {
			sum = e.binary("+", sum, e.path(item, a.get(0, "attribute", nil)))
		}
		return sum, true
	case "batch", "slice":
		return e.parts(name, e.items(v), a), true
	}
	return nil, false
}

func texts(items []any) []Text {
	out := make([]Text, len(items))
	for i, item := range items {
		out[i] = str(item)
	}
	return out
}

func (e *eval) joinFilter(v any, a args) any {
	items := e.items(v)
	out := make([]any, len(items))
	for i, item := range items {
		out[i] = e.path(item, a.get(1, "attribute", nil))
	}
	return e.joined(texts(out), str(a.get(0, "d", Text{})))
}

// path evaluates an attribute such as "a.b.0" of an item; without an attribute it returns the item.
func (e *eval) path(v, attribute any) any {
	if attribute == nil {
		return v
	}
	for part := range strings.SplitSeq(str(attribute).s, ".") {
		if i, err := strconv.ParseInt(part, 10, 64); err == nil {
			v = e.item(v, i)
		} else {
			v = e.item(v, Text{s: part})
		}
	}
	return v
}

// each evaluates map, select, reject, selectattr and rejectattr.
func (e *eval) each(name string, items []any, a args) []any {
	out := make([]any, 0, len(items))
	if name == "map" {
		attribute, byAttribute := a.names["attribute"]
		for _, item := range items {
			if byAttribute {
				v := e.path(item, attribute)
				if _, missing := v.(undefined); missing {
					v = a.get(len(a.place), "default", v)
				}
				out = append(out, v)
				continue
			}
			out = append(out, e.filter(e.text(a.get(0, "", nil)).s, item, a.behind(1)))
		}
		return out
	}
	for _, item := range items {
		v, rest := item, a
		if strings.HasSuffix(name, "attr") {
			v, rest = e.path(item, a.get(0, "", nil)), a.behind(1)
		}
		holds := false
		if len(rest.place) == 0 {
			holds = truthy(v)
		} else {
			holds = e.test(e.text(rest.place[0]).s, v, rest.behind(1))
		}
		if holds == strings.HasPrefix(name, "select") {
			out = append(out, item)
		}
	}
	return out
}

// behind returns the arguments without the first n.
func (a args) behind(n int) args {
	return args{place: a.place[min(n, len(a.place)):], names: a.names}
}

// sorted evaluates the filters that compare items.
func (e *eval) sorted(name string, v any, a args) any {
	place := map[string]int{"sort": 1, "unique": 0, "min": 0, "max": 0, "dictsort": 0, "groupby": 2}[name]
	cased := truthy(a.get(place, "case_sensitive", false))
	key := func(item any) any {
		if t, ok := item.(Text); ok && !cased {
			return t.change(lower)
		}
		return item
	}
	var items []any
	of := func(item any) any { return key(e.path(item, a.get(place+1, "attribute", nil))) }
	switch name {
	case "dictsort":
		d, ok := v.(*Dict)
		if !ok {
			e.fail("dictsort of a %s", kindOf(v))
		}
		by := int64(0)
		if e.text(a.get(1, "by", Text{s: "key"})).s == "value" {
			by = 1
		}
		items, of = pairs(d), func(item any) any { return key(item.(*List).Items[by]) }
	case "groupby":
		items, of = slices.Clone(e.items(v)), func(item any) any { return key(e.path(item, a.get(0, "attribute", nil))) }
	default:
		items = slices.Clone(e.items(v))
	}
	if name == "unique" {
		seen := map[any]bool{}
		return newList(lazy, slices.DeleteFunc(items, func(item any) bool {
			k := hashed(of(item))
			again := seen[k]
			seen[k] = true
			return again
		}))
	}
	e.spend(20 * len(items))
	backward := name == "max" || truthy(a.get(map[string]int{"sort": 0, "dictsort": 2}[name], "reverse", false)) &&
		(name == "sort" || name == "dictsort")
	sortBy(items, func(x, y any) bool {
		if backward {
			x, y = y, x
		}
		return e.order(of(x), of(y)) < 0
	})
	switch {
	case name == "groupby":
		return grouped(items, of)
	case name == "sort" || name == "dictsort":
		return newList(plain, items)
	case len(items) == 0:
		return undefined{"the " + name + " of nothing"}
	}
	return items[0]
}

// grouped returns pairs of a key and its items.
func grouped(items []any, key func(any) any) any {
	var out []any
	for i := 0; i < len(items); {
		j := i
		for j < len(items) && equal(key(items[i]), key(items[j])) {
			j++
		}
		out = append(out, newList(tuple, []any{key(items[i]), newList(plain, items[i:j])}))
		i = j
	}
	return newList(plain, out)
}

// parts evaluates batch, which makes lists of n items, and slice, which makes n lists.
func (e *eval) parts(name string, items []any, a args) any {
	n := e.int(a.get(0, "", nil))
	if n < 1 || n > maxRange {
		e.fail("%s by %d", name, n)
	}
	e.spend(n)
	fill, filled := a.get(1, "fill_with", nil), a.get(1, "fill_with", nil) != nil
	var out []any
	if name == "batch" {
		for part := range slices.Chunk(items, n) {
			part = slices.Clone(part)
			for filled && len(part) < n {
				part = append(part, fill)
			}
			out = append(out, newList(plain, part))
		}
		return newList(lazy, out)
	}
	each, longer := len(items)/n, len(items)%n
	at := 0
	for i := range n {
		size := each
		if i < longer {
			size++
		}
		part := slices.Clone(items[at : at+size])
		if filled && i >= longer {
			part = append(part, fill)
		}
		out = append(out, newList(plain, part))
		at += size
	}
	return newList(lazy, out)
}
