package adapter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fettle/internal/identify"
)

// configKeys reads adapter_config.json key by key and keeps the first error. A method's decode reads, or passes over,
// every key it knows. A set key that is left over is an error, as it may change what the adapter computes.
type configKeys struct {
	all  Object[json.RawMessage]
	seen map[string]bool
	err  error
}

func newConfigKeys(text []byte) *configKeys {
	k := &configKeys{seen: map[string]bool{}}
	if k.err = identify.Damage(text); k.err != nil {
		return k
	}
	if err := json.Unmarshal(text, &k.all); err != nil {
		k.err = fmt.Errorf("not a JSON object: %w", err)
	}
	return k
}

// kindOf describes the values that get can store in a variable, for messages.
func kindOf(into any) string {
	switch into.(type) {
	case *int:
		return "a whole number"
	case *float64:
		return "a number"
	case *bool:
		return "true or false"
	case *string:
		return "text"
	case *[]string:
		return "a list of names"
	case *[]int:
		return "a list of whole numbers"
	case *[][2]int:
		return "a list of [first layer, layer after the last]"
	case *Object[int]:
		return "an object of whole numbers"
	case *Object[[]int]:
		return "an object of lists of whole numbers"
	case *Object[float64]:
		return "an object of numbers"
	}
	return "something else"
}

// get reads a key, which leaves into as it is where the file lacks it or has null. It reports whether it was there.
func (k *configKeys) get(key string, into any) bool {
	k.seen[key] = true
	text, ok := k.all.Get(key)
	if !ok || k.err != nil || string(text) == "null" {
		return false
	}
	if err := json.Unmarshal(text, into); err != nil || !exact(text, into) {
		k.err = fmt.Errorf("%s is %s, want %s", key, short(text), kindOf(into))
	}
	return k.err == nil
}

// exact reports whether a value loses nothing on its way into Go: a null inside would count as 0 or as "", and pairs
// would lack or drop numbers.
func exact(text json.RawMessage, into any) bool {
	var value any
	err := json.Unmarshal(text, &value)
	if _, pairs := into.(*[][2]int); pairs {
		for _, pair := range value.([]any) {
			list, ok := pair.([]any)
			if !ok || len(list) != 2 {
				return false
			}
		}
	}
	return err == nil && !holdsNull(value)
}

// holdsNull reports whether a value is null or has a null inside.
func holdsNull(value any) bool {
	switch v := value.(type) {
	case []any:
		return slices.ContainsFunc(v, holdsNull)
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), holdsNull)
	}
	return value == nil
}

// isText reports whether a key holds text.
func (k *configKeys) isText(key string) bool {
	text, _ := k.all.Get(key)
	return len(text) > 0 && text[0] == '"'
}

// number reads a number, which null is not.
func (k *configKeys) number(key string, into any) {
	if text, ok := k.all.Get(key); ok && string(text) == "null" && k.err == nil {
		k.err = fmt.Errorf("%s is null, want %s", key, kindOf(into))
	}
	k.get(key, into)
}

// names reads a list of names, or a text, which PEFT takes for a regular expression.
func (k *configKeys) names(key string) (list []string, expression string) {
	if k.isText(key) {
		k.get(key, &expression)
	} else {
		k.get(key, &list)
	}
	return list, expression
}

// pass marks keys without effect as known.
func (k *configKeys) pass(keys ...string) {
	for _, key := range keys {
		k.seen[key] = true
	}
}

// refuse returns an error where a key is set.
func (k *configKeys) refuse(key, why string) {
	k.seen[key] = true
	if text, _ := k.all.Get(key); k.err == nil && isSet(text) {
		k.err = fmt.Errorf("%s is %s: %s", key, short(text), why)
	}
}

// done returns the first error, or one that names the set keys that decode has neither read nor passed over.
func (k *configKeys) done() error {
	if k.err != nil {
		return k.err
	}
	var unknown []string
	for _, m := range k.all {
		if !k.seen[m.Key] && isSet(m.Value) {
			unknown = append(unknown, fmt.Sprintf("%s (%s)", m.Key, short(m.Value)))
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return fmt.Errorf("unknown keys that are set: %s; they may change what the adapter computes: "+
		"remove those that do not from %s", strings.Join(unknown, ", "), ConfigFile)
}

// isSet reports whether a value may switch something on: it is not null, false, 0 or empty.
func isSet(text json.RawMessage) bool {
	switch text = compact(text); string(text) {
	case "", "null", "false", "0", "0.0", `""`, "[]", "{}":
		return false
	}
	return true
}

func compact(text json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return text
	}
	return b.Bytes()
}

// short returns the beginning of a value, for messages.
func short(text json.RawMessage) string {
	const most = 60
	s := []rune(string(compact(text)))
	if len(s) > most {
		return string(s[:most]) + "…"
	}
	return string(s)
}
