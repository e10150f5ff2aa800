package adapter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// Object is a JSON object whose order counts, as that of PEFT's patterns does: the first key that matches a module
// wins.
type Object[T any] []Member[T]

// Member is one key of an Object with its value.
type Member[T any] struct {
	Key   string
	Value T
}

// Get returns the value of a key.
func (o Object[T]) Get(key string) (v T, ok bool) {
	i := o.index(key)
	if i < 0 {
		return v, false
	}
	return o[i].Value, true
}

func (o Object[T]) index(key string) int {
	return slices.IndexFunc(o, func(m Member[T]) bool { return m.Key == key })
}

// UnmarshalJSON reads an object, or null as an empty one. A repeated key keeps its first place and takes its last
// value, as in Python.
func (o *Object[T]) UnmarshalJSON(text []byte) error {
	*o = nil
	d := json.NewDecoder(bytes.NewReader(text))
	open, err := d.Token()
	if err != nil || open == nil {
		return err
	}
	if open != json.Delim('{') {
		return fmt.Errorf("%s, want an object", text)
	}
	at := map[string]int{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		m := Member[T]{Key: key.(string)}
		if err := d.Decode(&m.Value); err != nil {
			return fmt.Errorf("%q: %w", m.Key, err)
		}
		if i, again := at[m.Key]; again {
			(*o)[i] = m
			continue
		}
		at[m.Key] = len(*o)
		*o = append(*o, m)
	}
	_, err = d.Token()
	return err
}

// MarshalJSON writes the members in their order.
func (o Object[T]) MarshalJSON() ([]byte, error) {
	text := []byte{'{'}
	for i, m := range o {
		key, err := json.Marshal(m.Key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.Value)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			text = append(text, ',')
		}
		text = append(append(append(text, key...), ':'), value...)
	}
	return append(text, '}'), nil
}
