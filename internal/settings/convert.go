package settings

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// set converts a value, a text or a list of texts, to the field's type and stores it.
func (f Field) set(value any) error {
	switch v := value.(type) {
	case string:
		value = f.word(v)
	case []string:
	case map[string]any:
		if !f.Pairs {
			return errors.New("it has keys of its own, want a value or a list")
		}
		value = pairs(v)
	case []any:
		return errors.New("the elements of a list are texts or numbers")
	default:
		return errors.New("it has keys of its own, want a value or a list")
	}
	switch to := f.Value.Addr().Interface().(type) {
	case *[]string:
		list, isList := value.([]string)
		if !isList {
			var err error
			if list, err = f.split(fmt.Sprint(value)); err != nil {
				return err
			}
		}
		*to = append([]string{}, list...)
		return nil
	case *string:
		if text, ok := value.(string); ok {
			*to = text
			return nil
		}
	}
	if text, ok := value.(string); ok {
		return f.parse(text)
	}
	return fmt.Errorf("%q is a list, want one value", value)
}

// pairs writes a mapping as a list of key=value, in the order of the keys, without those that are null.
func pairs(m map[string]any) []string {
	list := []string{}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if m[key] != nil {
			list = append(list, fmt.Sprintf("%s=%v", key, m[key]))
		}
	}
	return list
}

// word returns the value that a word stands for: its tag lists those that other programs use.
func (f Field) word(text string) string {
	lower := strings.ToLower(strings.TrimSpace(text))
	if b, err := truth(lower); err == nil && lower != "1" && lower != "0" {
		lower = strconv.FormatBool(b)
	}
	if w, ok := f.Words[lower]; ok {
		return w
	}
	return text
}

// parse reads a number or a truth value.
func (f Field) parse(text string) error {
	plain := strings.ReplaceAll(strings.TrimSpace(text), "_", "")
	var err error
	var want string
	switch to := f.Value.Addr().Interface().(type) {
	case *bool:
		want = "true or false"
		*to, err = truth(text)
	case *int:
		want = "a whole number"
		*to, err = parseInt(plain)
	case *uint64:
		want = "a whole number, 0 or more"
		*to, err = strconv.ParseUint(plain, 0, 64)
	case *float64:
		want = "a number"
		*to, err = strconv.ParseFloat(plain, 64)
	}
	if to, ok := f.Value.Addr().Interface().(*float64); ok && err == nil && (math.IsNaN(*to) || math.IsInf(*to, 0)) {
		return fmt.Errorf("%s is not a finite number", text)
	}
	if err == nil && f.beyond() {
		return fmt.Errorf("%s is too large a number: at most %s", text, strconv.FormatFloat(f.Most, 'f', -1, 64))
	}
	switch _, comma := strings.CutPrefix(strings.Trim(plain, "0123456789"), ","); {
	case err == nil:
		return nil
	case errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("%s is too large a number", text)
	case comma && want == "a number":
		return fmt.Errorf("%q is not %s: write %s", text, want, strings.Replace(plain, ",", ".", 1))
	}
	return fmt.Errorf("%s is not %s", quoted(text), want)
}

// most reads the tag of the largest number that a setting may be.
func most(v reflect.Value, tag string) float64 {
	if n, err := strconv.ParseFloat(tag, 64); err == nil {
		return n
	}
	switch v.Kind() {
	case reflect.Int:
		return 1<<31 - 1
	case reflect.Float64:
		return 1e9
	}
	return math.Inf(1)
}

// beyond reports whether the setting is a number that is too large, or too large a negative one.
func (f Field) beyond() bool {
	switch {
	case f.Value.CanInt():
		return math.Abs(float64(f.Value.Int())) > f.Most
	case f.Value.CanFloat():
		return math.Abs(f.Value.Float()) > f.Most
	}
	return false
}

// truth reads the truth values of YAML 1.1, Python and Go.
func truth(text string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "yes", "on", "t", "y", "1":
		return true, nil
	case "false", "no", "off", "f", "n", "0":
		return false, nil
	}
	return false, strconv.ErrSyntax
}

// quoted leaves numbers as they are.
func quoted(text string) string {
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return text
	}
	return strconv.Quote(text)
}

// parseInt reads whole numbers, such as 1e3 and 3.0 too.
func parseInt(text string) (int, error) {
	n, err := strconv.ParseInt(text, 0, strconv.IntSize)
	if err == nil {
		return int(n), nil
	}
	x, floatErr := strconv.ParseFloat(text, 64)
	switch {
	case floatErr != nil || x != math.Trunc(x):
		return 0, err
	case math.Abs(x) > 1<<31-1:
		return 0, strconv.ErrRange
	}
	return int(x), nil
}

// split reads a list: a,b or [a, b], where elements in quotes keep their commas. No text is no element, as between two
// commas or behind the last.
func (f Field) split(text string) ([]string, error) {
	inner := strings.TrimSpace(text)
	switch {
	case inner == "":
		return nil, nil
	case f.Whole:
		return []string{text}, nil
	case f.Pairs && strings.HasPrefix(inner, "{"):
		var m map[string]any
		if err := yaml.Unmarshal([]byte(inner), &m); err != nil {
			return nil, fmt.Errorf("%q is not a mapping such as {key: value}", text)
		}
		return pairs(m), nil
	}
	if strings.HasPrefix(inner, "[") && strings.HasSuffix(inner, "]") {
		inner = strings.TrimSpace(inner[1 : len(inner)-1])
		if inner == "" {
			return nil, nil
		}
	}
	var list []string
	for {
		element, rest, more, err := element(inner)
		if err != nil {
			return nil, fmt.Errorf("%q is not a list: %w", text, err)
		}
		if element != "" {
			list = append(list, element)
		}
		if inner = rest; !more {
			return list, nil
		}
	}
}

// element cuts the first element of a list off. In quotes, two of them stand for one.
func element(text string) (first, rest string, more bool, err error) {
	text = strings.TrimSpace(text)
	if text == "" || (text[0] != '"' && text[0] != '\'') {
		first, rest, more = strings.Cut(text, ",")
		return strings.TrimSpace(first), rest, more, nil
	}
	quote := text[:1]
	for rest = text[1:]; ; {
		part, after, closed := strings.Cut(rest, quote)
		if !closed {
			return "", "", false, fmt.Errorf("a quote %s is not closed", quote)
		}
		first, rest = first+part, after
		if !strings.HasPrefix(rest, quote) {
			break
		}
		first, rest = first+quote, rest[1:]
	}
	between, rest, more := strings.Cut(rest, ",")
	if strings.TrimSpace(between) != "" {
		return "", "", false, fmt.Errorf("%q stands between a quote and a comma", between)
	}
	return first, rest, more, nil
}
