package source

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"fettle/data/recipe"
)

// addMessage appends a message as a turn; a first system message becomes the conversation's.
func (f fields) addMessage(c *recipe.Conversation) error {
	if err := f.refuseMedia(); err != nil {
		return err
	}
	name, err := f.text(true, "role")
	if err != nil {
		return err
	}
	t := recipe.Turn{}
	calls := false
	if t.Role, calls = f.role(name); t.Role == "" {
		return f.unknownRole(name)
	}
	if t.Role == recipe.Assistant {
		if t.Calls, err = f.calls(); err != nil {
			return err
		}
		if key, raw := f.value("reasoning_content"); !empty(raw) {
			var ok bool
			if t.Reasoning, ok = scalar(raw); !ok {
				return f.errorf("%q is %.20s, want a text", key, raw)
			}
			t.ReasoningKey = key
		}
	}
	if t.Text, err = f.content(t.Calls != ""); err != nil {
		return err
	}
	if t.Learn, err = f.learn(t.Role); err != nil {
		return err
	}
	switch {
	case t.Role == recipe.Assistant && t.Calls != "" && t.Text == "":
		t.Text = t.Calls
	case calls && t.Calls == "" && recipe.IsCall(t.Text):
		t.Calls = t.Text
	case t.Role == recipe.Tool:
		t.CallID, _ = f.text(false, "tool_call_id")
		t.Name, _ = f.text(false, "name")
	}
	if t.Role == recipe.System && len(c.Turns) == 0 && c.System == "" && !c.Silent {
		c.System, c.Silent = t.Text, t.Text == ""
		return nil
	}
	c.Turns = append(c.Turns, t)
	return nil
}

// calls returns the tool calls of a message as JSON, "" if there are none.
func (f fields) calls() (string, error) {
	key, raw := f.value("tool_calls")
	if raw = unquoted(raw); empty(raw) {
		return "", nil
	}
	if _, err := recipe.ParseCalls(string(raw)); err != nil {
		return "", f.errorf("%q: %w", key, err)
	}
	return string(raw), nil
}

// content returns the message's text: a text, or OpenAI's list of text parts. A message with tool calls needs none.
func (f fields) content(optional bool) (string, error) {
	key, raw := f.lookup("content")
	switch {
	case raw == nil && optional, isNull(raw) && optional:
		return "", nil
	case raw == nil:
		return "", f.missing("content")
	case isNull(raw):
		return "", f.errorf("%q is null", key)
	}
	f.mark(key)
	if text, ok := scalar(raw); ok {
		return text, nil
	}
	var parts []struct {
		Type string
		Text *string
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return "", f.errorf("%q is %.20s, want a text", key, raw)
	}
	var b strings.Builder
	for _, p := range parts {
		switch {
		case slices.Contains(mediaParts, p.Type):
			return "", f.errorf("%q has a part of type %q: %w", key, p.Type, errMedia)
		case p.Text == nil || !strings.HasSuffix("text"+p.Type, "text"):
			return "", f.errorf("%q has a part of type %q, want text", key, p.Type)
		}
		b.WriteString(*p.Text)
	}
	return b.String(), nil
}

// spans are fields that mark parts of a message as learned.
var spans = []string{"train_detail", "training_detail", "reasoning_training_detail"}

// learn returns whether the message is marked as learned, nil if it is not marked. OpenAI's weight is of answers alone.
func (f fields) learn(role recipe.Role) (*bool, error) {
	for _, name := range spans {
		if key, raw, ok := f.find(name); ok && !empty(raw) {
			return nil, f.errorf("%q marks parts of a message, which is not supported: give the parts as segments", key)
		}
	}
	if key, raw := f.value("train"); raw != nil {
		learn, ok := map[string]bool{"true": true, "1": true, "false": false, "0": false}[string(raw)]
		if !ok {
			return nil, f.errorf("%q is %.20s, want true or false", key, raw)
		}
		return &learn, nil
	}
	key, raw := f.value("weight")
	if raw == nil {
		return nil, nil
	}
	var weight float64
	if err := json.Unmarshal(raw, &weight); err != nil || weight != 0 && weight != 1 {
		return nil, f.errorf("%q is %.20s, want 0 or 1", key, raw)
	}
	if weight == 1 && role != recipe.Assistant {
		return nil, nil
	}
	learn := weight == 1
	return &learn, nil
}

// unknownRole returns the error for a role without a meaning.
func (f fields) unknownRole(name string) error {
	if !f.tags {
		return f.errorf("unknown role %q, want user, assistant or system, or another name of theirs", name)
	}
	var tags []string
	for _, column := range roleColumns {
		if tag := f.columns[column]; tag != "" {
			tags = append(tags, fmt.Sprintf("%q", tag))
		}
	}
	if len(tags) == 0 {
		return f.errorf("unknown role %q: the tags of dataset_info.json name no role; without tags human and gpt are roles",
			name)
	}
	return f.errorf("unknown role %q, the tags of dataset_info.json name %s; LLaMA-Factory leaves such a row out", name,
		strings.Join(tags, ", "))
}
