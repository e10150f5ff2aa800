package jinja

import (
	"strings"
	"unicode"
)

// method returns the method of x with that name, or nil.
func (e *eval) method(x any, name string) any {
	var call func(e *eval, a args) any
	switch x := x.(type) {
	case Text:
		call = textMethod(x, name)
	case *Dict:
		call = dictMethod(x, name)
	case *List:
		call = listMethod(x, name)
	case *loopState:
		return x.attribute(name)
	}
	if call == nil {
		return nil
	}
	return &Function{name, call}
}

// frozen returns a method that fails: it would change a variable of the template.
func frozen(name string) func(e *eval, a args) any {
	return func(e *eval, _ args) any {
		e.fail("%s would change a value, which a chat template may not", name)
		return nil
	}
}

func dictMethod(d *Dict, name string) func(e *eval, a args) any {
	switch name {
	case "keys":
		return func(e *eval, _ args) any { return newList(view, d.keys) }
	case "values":
		return func(e *eval, _ args) any { return newList(view, d.values) }
	case "items":
		return func(e *eval, _ args) any { return newList(view, pairs(d)) }
	case "get":
		return func(e *eval, a args) any {
			if v, ok := d.get(a.get(0, "key", nil)); ok {
				return v
			}
			return a.get(1, "default", nil)
		}
	case "copy":
		return func(e *eval, _ args) any { return d }
	case "pop", "popitem", "update", "setdefault", "clear":
		return frozen(name)
	}
	return nil
}

func pairs(d *Dict) []any {
	out := make([]any, len(d.keys))
	for i, k := range d.keys {
		out[i] = newList(tuple, []any{k, d.values[i]})
	}
	return out
}

func listMethod(l *List, name string) func(e *eval, a args) any {
	if l.shape != plain && l.shape != tuple {
		return nil
	}
	switch name {
	case "index", "count":
		return func(e *eval, a args) any {
			n, first := int64(0), int64(-1)
			for i, item := range l.Items {
				if equal(item, a.get(0, "", nil)) {
					if n++; first < 0 {
						first = int64(i)
					}
				}
			}
			if name == "count" {
				return n
			}
			if first < 0 {
				e.fail("the list has no such item")
			}
			return first
		}
	case "append", "extend", "insert", "pop", "remove", "clear", "reverse", "sort":
		return frozen(name)
	}
	return nil
}

// chars returns a predicate for the argument of strip and its like: its characters, or space if there is none.
func (e *eval) chars(v any) func(rune) bool {
	if v == nil {
		return isSpace
	}
	set := e.text(v).s
	return func(r rune) bool { return strings.ContainsRune(set, r) }
}

// text returns an argument that must be a text.
func (e *eval) text(v any) Text {
	t, ok := v.(Text)
	if !ok {
		e.fail("a %s where a text is wanted", kindOf(v))
	}
	return t
}

// int returns an argument that must be an integer.
func (e *eval) int(v any) int {
	n, ok := whole(v)
	if !ok || n != int64(int32(n)) {
		e.fail("a %s where a whole number is wanted", kindOf(v))
	}
	return int(n)
}

func list0(texts []Text) *List {
	items := make([]any, len(texts))
	for i, t := range texts {
		items[i] = t
	}
	return newList(plain, items)
}

func textMethod(t Text, name string) func(e *eval, a args) any {
	run := func(f func(e *eval, a args) any) func(e *eval, a args) any {
		return func(e *eval, a args) any {
			e.spend(len(t.s) / 16)
			return f(e, a)
		}
	}
	switch name {
	case "strip", "lstrip", "rstrip":
		return run(func(e *eval, a args) any {
			return t.trim(e.chars(a.get(0, "chars", nil)), name != "rstrip", name != "lstrip")
		})
	case "split", "rsplit":
		return run(func(e *eval, a args) any {
			n := e.int(a.get(1, "maxsplit", int64(-1)))
			if sep := a.get(0, "sep", nil); sep != nil {
				return e.split(t, e.text(sep).s, n, name == "rsplit")
			}
			return list0(t.fields(n))
		})
	case "splitlines":
		return run(func(e *eval, a args) any { return list0(t.lines()) })
	case "partition", "rpartition":
		return run(func(e *eval, a args) any {
			sep := e.text(a.get(0, "sep", nil)).s
			i := strings.Index(t.s, sep)
			if name == "rpartition" {
				i = strings.LastIndex(t.s, sep)
			}
			switch {
			case i >= 0:
				return newList(tuple, []any{t.slice(0, i), t.slice(i, i+len(sep)), t.slice(i+len(sep), len(t.s))})
			case name == "partition":
				return newList(tuple, []any{t, Text{}, Text{}})
			}
			return newList(tuple, []any{Text{}, Text{}, t})
		})
	case "startswith", "endswith":
		has := map[string]func(s, p string) bool{"startswith": strings.HasPrefix, "endswith": strings.HasSuffix}[name]
		return run(func(e *eval, a args) any {
			parts := []any{a.get(0, "", nil)}
			if l, ok := parts[0].(*List); ok {
				parts = l.Items
			}
			for _, p := range parts {
				if has(t.s, e.text(p).s) {
					return true
				}
			}
			return false
		})
	case "removeprefix", "removesuffix":
		return run(func(e *eval, a args) any {
			part := e.text(a.get(0, "", nil)).s
			if name == "removeprefix" {
				return t.slice(len(t.s)-len(strings.TrimPrefix(t.s, part)), len(t.s))
			}
			return t.slice(0, len(strings.TrimSuffix(t.s, part)))
		})
	case "replace":
		return run(func(e *eval, a args) any {
			return t.replace(e.text(a.get(0, "old", nil)).s, e.text(a.get(1, "new", nil)), e.int(a.get(2, "count", int64(-1))))
		})
	case "upper":
		return run(func(e *eval, a args) any { return t.change(upper) })
	case "lower", "casefold":
		return run(func(e *eval, a args) any { return t.change(lower) })
	case "title":
		return run(func(e *eval, a args) any { return t.titled(unicode.IsLetter) })
	case "capitalize":
		return run(func(e *eval, a args) any { return t.capitalized() })
	case "count", "find", "rfind", "index":
		return run(func(e *eval, a args) any { return e.search(t, name, e.text(a.get(0, "", nil)).s) })
	case "join":
		return run(func(e *eval, a args) any {
			var texts []Text
			for _, item := range e.items(a.get(0, "", nil)) {
				texts = append(texts, e.text(item))
			}
			return e.joined(texts, t)
		})
	case "format":
		return run(func(e *eval, a args) any { return e.format(t, a) })
	case "isdigit", "isdecimal", "isnumeric":
		return run(func(e *eval, a args) any { return t.all(unicode.IsDigit) })
	case "isalpha":
		return run(func(e *eval, a args) any { return t.all(unicode.IsLetter) })
	case "isalnum":
		return run(func(e *eval, a args) any {
			return t.all(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) })
		})
	case "isspace":
		return run(func(e *eval, a args) any { return t.all(isSpace) })
	case "isupper":
		return run(func(e *eval, a args) any { return t.s == strings.ToUpper(t.s) && t.s != strings.ToLower(t.s) })
	case "islower":
		return run(func(e *eval, a args) any { return t.s == strings.ToLower(t.s) && t.s != strings.ToUpper(t.s) })
	}
	return nil
}

func upper(r rune) string {
	if r == 'ß' {
		return "SS"
	}
	return strings.ToUpper(string(r))
}

func lower(r rune) string { return strings.ToLower(string(r)) }
