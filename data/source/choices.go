package source

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"fettle/data/recipe"
)

// choices are the possible answers of a question, each with its label.
type choices struct{ labels, texts []string }

// choices reads {"choices": […]}, {"choices": {"text": […], "label": […]}} and {"options": {"A": …}}; nil if the row
// has none. Without labels they are A, B, C, …
func (f fields) choices() (*choices, error) {
	key, raw := f.value("choices")
	if raw = unquoted(raw); empty(raw) {
		return nil, nil
	}
	if text, ok := scalar(raw); ok { // laid out already
		return &choices{nil, []string{text}}, nil
	}
	wrong := f.errorf("%q is %.40s, want a list of texts", key, raw)
	var c choices
	var table struct{ Text, Label []string }
	switch {
	case texts(raw, &c.texts):
	case json.Unmarshal(raw, &table) == nil && len(table.Text) > 0:
		c.texts, c.labels = table.Text, table.Label
	case c.object(raw):
	default:
		return nil, wrong
	}
	if c.labels == nil && len(c.texts) <= 26 {
		for i := range c.texts {
			c.labels = append(c.labels, string(rune('A'+i)))
		}
	}
	if len(c.labels) != len(c.texts) {
		return nil, wrong
	}
	return &c, nil
}

// object reads {"A": …, "B": …} in the order of the labels, 2 before 10. A choice that is null, as in parquet files
// whose rows have different labels, is none. It reports whether all others are texts.
func (c *choices) object(raw json.RawMessage) bool {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil {
		return false
	}
	labels := slices.SortedFunc(maps.Keys(object), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
	for _, label := range labels {
		text, ok := scalar(object[label])
		switch {
		case isNull(object[label]):
			continue
		case !ok:
			return false
		}
		c.labels, c.texts = append(c.labels, label), append(c.texts, text)
	}
	return len(c.texts) > 0
}

// texts decodes a list of texts, numbers and truth values.
func texts(raw json.RawMessage, into *[]string) bool {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return false
	}
	for _, r := range list {
		text, ok := scalar(r)
		if !ok {
			return false
		}
		*into = append(*into, text)
	}
	return true
}

// String lays the choices out as MMLU does: "A. three\nB. four". Hendrycks et al. 2021, arXiv:2009.03300.
func (c *choices) String() string {
	lines := make([]string, len(c.texts))
	for i, text := range c.texts {
		lines[i] = text
		if len(c.labels) > 0 {
			lines[i] = c.labels[i] + ". " + text
		}
	}
	return strings.Join(lines, "\n")
}

// answer returns the text of an answer. A number that is no label counts the choices from 0, as MMLU's does; so does a
// text of digits that is no choice either.
func (c *choices) answer(f fields, key, text string, number bool) (string, error) {
	n, err := strconv.Atoi(text)
	switch {
	case err != nil || len(c.labels) == 0 || slices.Contains(c.labels, text) || !number && slices.Contains(c.texts, text):
		return text, nil
	case n < 0 || n >= len(c.labels):
		return "", f.errorf("%q is %d, there are %d choices, counted from 0", key, n, len(c.labels))
	}
	return c.labels[n], nil
}

// addTo adds the choices, if there are any, to the input of the last turn.
func (c *choices) addTo(to *recipe.Conversation) {
	n := len(to.Turns)
	if c == nil || n == 0 {
		return
	}
	t := &to.Turns[n-1]
	if t.Input != "" {
		t.Input += "\n"
	}
	t.Input += c.String()
}
