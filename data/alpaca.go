package data

import (
	"encoding/json"
	"fmt"
)

// Conversation is what a record says, whatever its format: turns that
// alternate between user and assistant.
type Conversation struct {
	Turns  []Turn
	Source string // file:line
}

// Turn is one message.
type Turn struct {
	Role  Role
	Text  string
	Input string // what an instruction is about; Alpaca's second field
}

// Role is who speaks.
type Role string

// The roles.
const (
	User      Role = "user"
	Assistant Role = "assistant"
)

// alpacaRow reads {"instruction", "input", "output"}; input may be missing.
func alpacaRow(r Row) (Conversation, error) {
	instruction, err := r.text("instruction", true)
	if err != nil {
		return Conversation{}, err
	}
	input, err := r.text("input", false)
	if err != nil {
		return Conversation{}, err
	}
	output, err := r.text("output", true)
	if err != nil {
		return Conversation{}, err
	}
	return Conversation{[]Turn{{User, instruction, input}, {Assistant, output, ""}}, r.Source}, nil
}

// text is a field that holds a string. A field that is not needed may be
// missing or null.
func (r Row) text(key string, needed bool) (string, error) {
	raw, ok := r.Fields[key]
	if !ok || string(raw) == "null" {
		if needed {
			return "", fmt.Errorf("read %s: no %q", r.Source, key)
		}
		return "", nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", fmt.Errorf("read %s: %q is %.20s, want a text", r.Source, key, raw)
	}
	return s, nil
}

// tokenizedRow reads {"input_ids", "labels"}; without labels every token is
// learned.
func tokenizedRow(r Row) (Example, error) {
	e := Example{Source: r.Source}
	for _, f := range []struct {
		key  string
		into *[]int32
	}{{"input_ids", &e.Tokens}, {"labels", &e.Labels}} {
		raw, ok := r.Fields[f.key]
		if !ok {
			continue
		}
		if err := json.Unmarshal(raw, f.into); err != nil {
			return e, fmt.Errorf("read %s: %q is %.20s, want a list of token ids", r.Source, f.key, raw)
		}
	}
	switch {
	case len(e.Tokens) == 0:
		return e, fmt.Errorf("read %s: no %q", r.Source, "input_ids")
	case e.Labels == nil:
		e.Labels = append([]int32(nil), e.Tokens...)
	case len(e.Labels) != len(e.Tokens):
		return e, fmt.Errorf("read %s: %d labels for %d input_ids", r.Source, len(e.Labels), len(e.Tokens))
	}
	for i, l := range e.Labels {
		if l != Ignore && l != e.Tokens[i] {
			return e, fmt.Errorf("read %s: label %d at %d is neither the token %d nor %d; labels are not shifted", r.Source, l, i, e.Tokens[i], Ignore)
		}
	}
	return e, nil
}
