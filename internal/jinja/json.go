package jinja

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// FromJSON decodes a JSON value. The author of its strings, keys included, is from.
func FromJSON(text string, from int32) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, err := decode(d, from, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the value")
	}
	return v, nil
}

func decode(d *json.Decoder, from int32, depth int) (any, error) {
	if depth > maxDepth/2 {
		return nil, fmt.Errorf("nested more than %d deep", maxDepth/2)
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Number:
		if n, err := t.Int64(); err == nil {
			return n, nil
		}
		return t.Float64()
	case string:
		return NewText(t, from), nil
	case json.Delim:
		if t == '[' {
			var items []any
			for d.More() {
				v, err := decode(d, from, depth+1)
				if err != nil {
					return nil, err
				}
				items = append(items, v)
			}
			_, err := d.Token()
			return newList(plain, items), err
		}
		m := NewDict()
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := decode(d, from, depth+1)
			if err != nil {
				return nil, err
			}
			m.put(NewText(key.(string), from), v)
		}
		_, err := d.Token()
		return m, err
	}
	return t, nil // nil or bool
}

// jsonWriter writes JSON as Python's json.dumps does with ensure_ascii=False.
type jsonWriter struct {
	b      builder
	pretty bool   // one item per line
	indent string // one level's
	within string // the current line's indentation
	item   string // separator of items
	colon  string
	sorted bool
}

func (w *jsonWriter) put(s string) { w.b.add(s, Mark{}) }

func (w *jsonWriter) write(v any) {
	switch v := v.(type) {
	case nil:
		w.put("null")
	case bool:
		w.put(map[bool]string{true: "true", false: "false"}[v])
	case float64:
		w.put(strings.NewReplacer("inf", "Infinity", "nan", "NaN").Replace(floatText(v)))
	case Text:
		w.text(v)
	case *List:
		if v.shape != plain && v.shape != tuple {
			panic(typeError("a " + kindOf(v) + " cannot be written as JSON; |list makes it a list"))
		}
		w.many("[", "]", len(v.Items), func(i int) { w.write(v.Items[i]) })
	case *Dict:
		order := make([]int, len(v.keys))
		for i := range order {
			order[i] = i
		}
		if w.sorted {
			sortBy(order, func(i, j int) bool { return less(v.keys[i], v.keys[j]) })
		}
		w.many("{", "}", len(order), func(i int) {
			w.key(v.keys[order[i]])
			w.put(w.colon)
			w.write(v.values[order[i]])
		})
	case int64:
		w.b.text(str(v))
	default:
		panic(typeError("a value of type " + kindOf(v) + " cannot be written as JSON"))
	}
}

func (w *jsonWriter) key(k any) {
	switch k := k.(type) {
	case Text:
		w.text(k)
	case nil, bool, int64, float64:
		w.put(`"`)
		w.write(k)
		w.put(`"`)
	default:
		panic(typeError("a key of type " + kindOf(k) + " cannot be written as JSON"))
	}
}

func (w *jsonWriter) many(open, end string, n int, item func(i int)) {
	w.put(open)
	outer := w.within
	w.within += w.indent
	for i := range n {
		if i > 0 {
			w.put(w.item)
		}
		if w.pretty {
			w.put("\n" + w.within)
		}
		item(i)
	}
	w.within = outer
	if n > 0 && w.pretty {
		w.put("\n" + w.within)
	}
	w.put(end)
}

func (w *jsonWriter) text(t Text) {
	w.put(`"`)
	w.b.text(t.change(func(r rune) string {
		switch {
		case r == '"' || r == '\\':
			return `\` + string(r)
		case r == '\n':
			return `\n`
		case r == '\r':
			return `\r`
		case r == '\t':
			return `\t`
		case r == '\b':
			return `\b`
		case r == '\f':
			return `\f`
		case r < 0x20:
			return fmt.Sprintf(`\u%04x`, r)
		}
		return string(r)
	}))
	w.put(`"`)
}
