package jinja

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// sortBy sorts items stably.
func sortBy[T any](items []T, less func(a, b T) bool) {
	slices.SortStableFunc(items, func(a, b T) int {
		switch {
		case less(a, b):
			return -1
		case less(b, a):
			return 1
		}
		return 0
	})
}

// less orders the keys of JSON objects.
func less(a, b any) bool { return str(a).s < str(b).s }

// filter evaluates v|name(args…).
func (e *eval) filter(name string, v any, a args) any {
	if t, ok := v.(Text); ok {
		e.spend(1 + len(t.s)/16)
	}
	if f, ok := textFilters[name]; ok {
		return f(e, str(v), a)
	}
	if out, ok := e.listFilter(name, v, a); ok {
		return out
	}
	switch name {
	case "default", "d":
		_, missing := v.(undefined)
		if missing || truthy(a.get(1, "boolean", false)) && !truthy(v) {
			return a.get(0, "default_value", Text{})
		}
		return v
	case "tojson":
		return e.toJSON(v, a)
	case "length", "count":
		return e.length(v)
	case "abs", "round", "int", "float":
		return e.numeric(name, v, a)
	case "attr":
		return e.attribute(v, e.text(a.get(0, "name", nil)).s)
	}
	e.fail("no filter is called %q", name)
	return nil
}

// textFilters work on the text of any value.
var textFilters = map[string]func(e *eval, t Text, a args) any{
	"string": func(e *eval, t Text, a args) any { return t },
	"safe":   func(e *eval, t Text, a args) any { t.safe = true; return t },
	"escape": func(e *eval, t Text, a args) any { return escaped(t) },
	"e":      func(e *eval, t Text, a args) any { return escaped(t) },
	"forceescape": func(e *eval, t Text, a args) any {
		t.safe = false
		return escaped(t)
	},
	"trim":       func(e *eval, t Text, a args) any { return t.trim(e.chars(a.get(0, "chars", nil)), true, true) },
	"upper":      func(e *eval, t Text, a args) any { return t.change(upper) },
	"lower":      func(e *eval, t Text, a args) any { return t.change(lower) },
	"capitalize": func(e *eval, t Text, a args) any { return t.capitalized() },
	"title": func(e *eval, t Text, a args) any {
		return t.titled(func(r rune) bool { return !isSpace(r) && !strings.ContainsRune("-({[<", r) })
	},
	"replace": func(e *eval, t Text, a args) any {
		return t.replace(str(a.get(0, "old", nil)).s, str(a.get(1, "new", nil)), e.int(a.get(2, "count", int64(-1))))
	},
	"wordcount": func(e *eval, t Text, a args) any { return int64(len(t.fields(-1))) },
	"format": func(e *eval, t Text, a args) any {
		if len(a.names) > 0 {
			e.fail("the filter format with names")
		}
		return e.printf(t, newList(tuple, a.place))
	},
	"indent": func(e *eval, t Text, a args) any {
		pad, ok := a.get(0, "width", int64(4)).(Text)
		if !ok {
			pad = e.repeat(Text{s: " "}, a.get(0, "width", int64(4))).(Text)
		}
		lines := Text{s: "\n"}
		var out []Text
		for i, line := range e.concat(t, lines).lines() {
			if i == 0 && truthy(a.get(1, "first", false)) || i > 0 && (line.s != "" || truthy(a.get(2, "blank", false))) {
				line = e.concat(pad, line)
			}
			out = append(out, line)
		}
		return e.joined(out, Text{s: "\n"})
	},
}

func (e *eval) toJSON(v any, a args) any {
	w := &jsonWriter{item: ", ", colon: ": ", sorted: truthy(a.get(3, "sort_keys", false))}
	if truthy(a.get(0, "ensure_ascii", false)) {
		e.fail("tojson with ensure_ascii")
	}
	switch indent := a.get(1, "indent", nil).(type) {
	case nil:
	case Text:
		w.pretty, w.indent, w.item = true, indent.s, ","
	default:
		w.pretty, w.indent, w.item = true, e.repeat(Text{s: " "}, indent).(Text).s, ","
	}
	if l, ok := a.get(2, "separators", nil).(*List); ok && len(l.Items) == 2 {
		w.item, w.colon = str(l.Items[0]).s, str(l.Items[1]).s
	}
	w.write(v)
	e.spend(w.b.s.Len() / 8)
	return w.b.done()
}

func (e *eval) length(v any) any {
	switch v := v.(type) {
	case Text:
		return int64(len(v.chars()))
	case *List:
		if v.shape != lazy {
			return int64(len(v.Items))
		}
	case *Dict:
		return int64(len(v.keys))
	case undefined:
		return int64(0)
	}
	e.fail("a %s has no length", kindOf(v))
	return nil
}

// numeric evaluates the filters of numbers.
func (e *eval) numeric(name string, v any, a args) any {
	f, ok := number(v)
	i, isWhole := whole(v)
	switch name {
	case "int":
		if t, text := v.(Text); text {
			if i, err := strconv.ParseInt(strings.TrimSpace(t.s), int(e.int(a.get(1, "base", int64(10)))), 64); err == nil {
				return i
			}
			if f, err := strconv.ParseFloat(strings.TrimSpace(t.s), 64); err == nil && math.Abs(f) < 1<<53 {
				return int64(f)
			}
		}
		switch {
		case isWhole:
			return i
		case ok && math.Abs(f) < 1<<53:
			return int64(f)
		}
		return a.get(0, "default", int64(0))
	case "float":
		if t, text := v.(Text); text {
			if f, err := strconv.ParseFloat(strings.TrimSpace(t.s), 64); err == nil {
				return f
			}
		}
		if ok {
			return f
		}
		return a.get(0, "default", 0.0)
	}
	if !ok {
		e.fail("%s of a %s", name, kindOf(v))
	}
	switch {
	case name == "abs" && isWhole:
		return max(i, -i)
	case name == "abs":
		return math.Abs(f)
	}
	scale := math.Pow(10, float64(e.int(a.get(0, "precision", int64(0)))))
	round := math.RoundToEven
	switch e.text(a.get(1, "method", Text{s: "common"})).s {
	case "ceil":
		round = math.Ceil
	case "floor":
		round = math.Floor
	}
	return round(f*scale) / scale
}
