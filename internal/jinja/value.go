package jinja

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// Values are nil, bool, int64, float64, Text, *List, *Dict, *Function,
// *namespace and undefined.

// undefined is the value of a missing name or key. It can be tested, printed and looped over.
type undefined struct{ what string }

// shape distinguishes the Python types of a List.
type shape int

const (
	plain shape = iota // a list
	tuple
	view // dict.items() and its like, without subscripts
	lazy // a generator, read once, without a length
)

// List is a sequence.
type List struct {
	Items []any
	shape shape
	depth int
}

// newList returns a list. It bounds the depth of nested values, so that functions that walk through values need not.
func newList(s shape, items []any) *List {
	l := &List{Items: items, shape: s}
	for _, v := range items {
		l.depth = deeper(l.depth, v)
	}
	return l
}

// deeper returns the depth of a value that contains v.
func deeper(depth int, v any) int {
	inner := 0
	switch v := v.(type) {
	case *List:
		inner = v.depth
	case *Dict:
		inner = v.depth
	}
	if inner >= maxDepth {
		panic(typeError("lists nested too deep"))
	}
	return max(depth, inner+1)
}

// NewList returns a list of values of the types that Render takes.
func NewList(items ...any) *List {
	for i, v := range items {
		items[i] = imported(v)
	}
	return newList(plain, items)
}

// Dict is a mapping that keeps the order of its keys.
type Dict struct {
	// ID, if not 0, marks the output of loop iterations over this item.
	ID int32

	keys   []any
	values []any
	at     map[any]int
	depth  int
}

// NewDict returns an empty mapping.
func NewDict() *Dict { return &Dict{at: map[any]int{}} }

// Set sets the value of a key. Its type is one that Render takes.
func (d *Dict) Set(key string, v any) { d.put(Text{s: key}, imported(v)) }

// Get returns the value of a key.
func (d *Dict) Get(key string) (any, bool) {
	i, ok := d.at[key]
	if !ok {
		return nil, false
	}
	return d.values[i], true
}

func (d *Dict) put(key, v any) {
	k := hashed(key)
	d.depth = deeper(d.depth, v)
	if i, ok := d.at[k]; ok {
		d.values[i] = v
		return
	}
	d.at[k] = len(d.keys)
	d.keys, d.values = append(d.keys, key), append(d.values, v)
}

func (d *Dict) get(key any) (any, bool) {
	i, ok := d.at[hashed(key)]
	if !ok {
		return nil, false
	}
	return d.values[i], true
}

// hashed returns a comparable Go value for a key, equal where the keys are equal in Python.
func hashed(key any) any {
	switch k := key.(type) {
	case Text:
		return k.s
	case bool:
		return truth(k)
	case float64:
		if k == math.Trunc(k) && math.Abs(k) < 1<<53 {
			return int64(k)
		}
	case *List:
		panic(typeError("a list cannot be a key"))
	case *Dict:
		panic(typeError("a mapping cannot be a key"))
	}
	return key
}

// typeError is a panic without a line; located adds it.
type typeError string

// truth returns a bool's value as a number.
func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Function is a function that a template can call.
type Function struct {
	name string
	call func(e *eval, a args) any
}

// namespace holds attributes that {% set ns.x %} can change.
type namespace struct{ vars map[string]any }

// imported converts a caller's value to the evaluator's types.
func imported(v any) any {
	switch v := v.(type) {
	case int:
		return int64(v)
	case string:
		return Text{s: v}
	case nil, bool, int64, float64, Text, *List, *Dict, *Function:
		return v
	}
	panic(fmt.Sprintf("jinja: a variable of type %T", v))
}

// truthy returns Python's bool(v).
func truthy(v any) bool {
	switch v := v.(type) {
	case nil, undefined:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case Text:
		return v.s != ""
	case *List:
		return v.shape == lazy || len(v.Items) > 0
	case *Dict:
		return len(v.keys) > 0
	}
	return true
}

// number returns a value as a float64, if it is a number.
func number(v any) (f float64, ok bool) {
	switch v := v.(type) {
	case bool:
		return float64(truth(v)), true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// whole returns a value as an int64, if it is an integer.
func whole(v any) (int64, bool) {
	switch v := v.(type) {
	case bool:
		return truth(v), true
	case int64:
		return v, true
	}
	return 0, false
}

// equal returns Python's a == b.
func equal(a, b any) bool {
	if x, ok := whole(a); ok {
		if y, ok := whole(b); ok {
			return x == y
		}
	}
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && x == y
	}
	switch a := a.(type) {
	case nil:
		return b == nil
	case undefined:
		_, ok := b.(undefined)
		return ok
	case Text:
		b, ok := b.(Text)
		return ok && a.s == b.s
	case *List:
		b, ok := b.(*List)
		if !ok || a.shape != b.shape || len(a.Items) != len(b.Items) {
			return false
		}
		for i := range a.Items {
			if !equal(a.Items[i], b.Items[i]) {
				return false
			}
		}
		return true
	case *Dict:
		b, ok := b.(*Dict)
		if !ok || len(a.keys) != len(b.keys) {
			return false
		}
		for i, k := range a.keys {
			if v, ok := b.get(k); !ok || !equal(a.values[i], v) {
				return false
			}
		}
		return true
	case *Function:
		f, ok := b.(*Function)
		return ok && a == f
	case *namespace:
		n, ok := b.(*namespace)
		return ok && a == n
	}
	return false
}

// kindOf returns the Python name of a value's type.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return "bool"
	case int64:
		return "int"
	case float64:
		return "float"
	case Text:
		return "str"
	case *List:
		return map[shape]string{plain: "list", tuple: "tuple", view: "dict view", lazy: "generator"}[v.shape]
	case *Dict:
		return "dict"
	case undefined:
		return "undefined"
	case *namespace:
		return "namespace"
	}
	return "function"
}

// str returns Python's str(v).
func str(v any) Text {
	if t, ok := v.(Text); ok {
		return t
	}
	if _, ok := v.(undefined); ok {
		return Text{}
	}
	var b builder
	repr(&b, v)
	return b.done()
}

// repr returns Python's repr(v).
func repr(b *builder, v any) {
	put := func(s string) { b.add(s, Mark{}) }
	switch v := v.(type) {
	case nil:
		put("None")
	case bool:
		put(map[bool]string{true: "True", false: "False"}[v])
	case int64:
		put(strconv.FormatInt(v, 10))
	case float64:
		put(floatText(v))
	case Text:
		reprText(b, v)
	case undefined:
		put("Undefined")
	case *List:
		brackets := map[shape][2]string{plain: {"[", "]"}, tuple: {"(", ")"}, view: {"dict_items([", "])"},
			lazy: {"<generator ", ">"}}[v.shape]
		put(brackets[0])
		for i, item := range v.Items {
			if i > 0 {
				put(", ")
			}
			repr(b, item)
		}
		if v.shape == tuple && len(v.Items) == 1 {
			put(",")
		}
		put(brackets[1])
	case *Dict:
		put("{")
		for i, k := range v.keys {
			if i > 0 {
				put(", ")
			}
			repr(b, k)
			put(": ")
			repr(b, v.values[i])
		}
		put("}")
	default:
		put("<" + kindOf(v) + ">")
	}
}

// reprText returns Python's repr of a string.
func reprText(b *builder, t Text) {
	quote := "'"
	if strings.Contains(t.s, "'") && !strings.Contains(t.s, `"`) {
		quote = `"`
	}
	b.add(quote, Mark{})
	b.text(t.change(func(r rune) string {
		switch {
		case string(r) == quote || r == '\\':
			return `\` + string(r)
		case r == '\n':
			return `\n`
		case r == '\r':
			return `\r`
		case r == '\t':
			return `\t`
		case unicode.IsPrint(r):
			return string(r)
		case r < 0x100:
			return fmt.Sprintf(`\x%02x`, r)
		case r < 0x10000:
			return fmt.Sprintf(`\u%04x`, r)
		}
		return fmt.Sprintf(`\U%08x`, r)
	}))
	b.add(quote, Mark{})
}

// floatText returns Python's repr of a float, the shortest text that parses to the same value.
func floatText(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	case f != 0 && (math.Abs(f) < 1e-4 || math.Abs(f) >= 1e16):
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
