package source

import (
	"encoding/json"
	"fmt"
	"strings"

	"fettle/data/recipe"
)

// listKeys are the names of the field with a list of messages.
var listKeys = []string{"messages", "conversations", "conversation", "items", "dialog", "dialogue"}

// readMessages reads ShareGPT's {"conversations": [{"from", "value"}]} and
// OpenAI's {"messages": [{"role", "content"}]}, with "system" and "tools"
// beside the list.
func readMessages(f fields) (recipe.Conversation, error) {
	c := recipe.Conversation{Source: f.Source}
	for _, key := range listKeys {
		if f.has(key) {
			err := addMessages(&c, f, key)
			return c, err
		}
	}
	return c, fmt.Errorf("read %s: no %q", f.Source, listKeys[0])
}

// message is one element of such a list, under all the names that its fields have.
type message struct {
	Role, From, Speaker string
	Content, Value      json.RawMessage
	Text                *string
	ToolCalls           json.RawMessage `json:"tool_calls"`
	ToolCallID          string          `json:"tool_call_id"`
	Name                string
	Weight              *float64
	Loss, Train         *bool
}

// readMessage decodes a message. The columns may name its fields and the roles
// differently.
func readMessage(raw json.RawMessage, columns map[string]string) (message, error) {
	var m message
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, fmt.Errorf("got %.40s, want {\"role\", \"content\"}", raw)
	}
	if len(columns) == 0 {
		return m, nil
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return m, err
	}
	if name, ok := columns["role"]; ok {
		m.From, m.Speaker = "", ""
		if err := json.Unmarshal(all[name], &m.Role); err != nil {
			return m, fmt.Errorf("no %q", name)
		}
	}
	if name, ok := columns["content"]; ok {
		m.Content = all[name]
	}
	for _, role := range []recipe.Role{recipe.User, recipe.Assistant, recipe.System, recipe.Tool} {
		if name, ok := columns["role:"+string(role)]; ok && name == m.Role+m.From+m.Speaker {
			m.Role, m.From, m.Speaker = string(role), "", ""
		}
	}
	return m, nil
}

// addMessages appends the messages of a field: a list, or one by itself.
func addMessages(c *recipe.Conversation, f fields, key string) error {
	raw, _ := f.raw(key)
	var list []json.RawMessage
	if raw[0] == '{' {
		list = []json.RawMessage{raw}
	} else if _, err := f.into(key, "a list of messages", &list); err != nil {
		return err
	}
	for i, raw := range list {
		m, err := readMessage(raw, f.columns)
		if err == nil {
			err = addMessage(c, m)
		}
		if err != nil {
			return fmt.Errorf("read %s: %q, message %d: %w", f.Source, key, i+1, err)
		}
	}
	return addColumns(c, f)
}

// addColumns reads the columns beside the messages.
func addColumns(c *recipe.Conversation, f fields) error {
	system, err := f.text(false, "system")
	if err != nil {
		return err
	}
	if system != "" {
		c.System = system
	}
	if raw, ok := f.raw("tools"); ok {
		c.Tools = string(raw)
		var text string
		if json.Unmarshal(raw, &text) == nil {
			c.Tools = text
		}
	}
	for _, key := range []string{"kto_tag", "label"} {
		raw, _ := f.raw(key)
		if n := len(c.Turns); string(raw) == "false" && n > 0 && c.Turns[n-1].Role == recipe.Assistant {
			c.Turns[n-1].Bad = true
		}
	}
	return nil
}

// addMessage appends a message as a turn; a first system message becomes the
// conversation's.
func addMessage(c *recipe.Conversation, m message) error {
	name := m.Role + m.From + m.Speaker
	t := recipe.Turn{Role: roleOf(name)}
	if t.Role == "" {
		return fmt.Errorf("unknown role %q", name)
	}
	var err error
	if t.Text, err = m.text(); err != nil {
		return err
	}
	if t.Learn, err = m.learn(); err != nil {
		return err
	}
	switch {
	case t.Role == recipe.Assistant && recipe.IsCall(string(m.ToolCalls)):
		t.Calls = string(m.ToolCalls)
	case t.Role == recipe.Assistant && strings.EqualFold(name, "function_call") && recipe.IsCall(t.Text):
		t.Calls = t.Text
	case t.Role == recipe.Tool:
		t.CallID, t.Name = m.ToolCallID, m.Name
	}
	if t.Role == recipe.System && len(c.Turns) == 0 && c.System == "" {
		c.System = t.Text
		return nil
	}
	c.Turns = append(c.Turns, t)
	return nil
}

// text returns the message's text: a string, or OpenAI's list of text parts, or
// the tool calls of a message without text.
func (m message) text() (string, error) {
	raw := m.Content
	if raw == nil {
		raw = m.Value
	}
	switch {
	case m.Text != nil:
		return *m.Text, nil
	case (len(raw) == 0 || string(raw) == "null") && len(m.ToolCalls) > 0:
		return string(m.ToolCalls), nil
	case len(raw) == 0 || string(raw) == "null":
		return "", fmt.Errorf("no %q", "content")
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, nil
	}
	var parts []struct{ Type, Text string }
	if err := json.Unmarshal(raw, &parts); err != nil {
		return "", fmt.Errorf("content is %.20s, want a text", raw)
	}
	var b strings.Builder
	for _, p := range parts {
		if p.Type != "text" {
			return "", fmt.Errorf("content has a part of type %q, want text", p.Type)
		}
		b.WriteString(p.Text)
	}
	return b.String(), nil
}

// learn returns whether the message is marked as learned, nil if it is not marked.
func (m message) learn() (*bool, error) {
	switch {
	case m.Loss != nil:
		return m.Loss, nil
	case m.Train != nil:
		return m.Train, nil
	case m.Weight == nil:
		return nil, nil
	case *m.Weight != 0 && *m.Weight != 1:
		return nil, fmt.Errorf("weight is %v, want 0 or 1", *m.Weight)
	}
	learn := *m.Weight == 1
	return &learn, nil
}
