package serve

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// message holds the fields of a chat's message.
type message struct {
	Role         *string
	Content      json.RawMessage
	Name         *string
	ToolCalls    json.RawMessage
	ToolCallID   *string
	FunctionCall json.RawMessage
}

func (m *message) fields() map[string]any {
	return map[string]any{
		"role": &m.Role, "content": &m.Content, "name": &m.Name, "tool_calls": &m.ToolCalls,
		"tool_call_id": &m.ToolCallID, "function_call": &m.FunctionCall,
	}
}

// otherParts lists the fields of messages that the server does not carry out.
func otherParts() []other {
	const text = "prompts hold a message's content only"
	return []other{
		{name: "id", harmless: true}, {name: "index", harmless: true}, {name: "cache_control", harmless: true},
		{name: "refusal", neutral: `""`, why: text}, {name: "annotations", neutral: `[]`, why: text},
		{name: "audio", why: text}, {name: "images", neutral: `[]`, why: "this server reads text only"},
		{name: "reasoning_content", neutral: `""`, why: text}, {name: "reasoning", neutral: `""`, why: text},
		{name: "thinking", neutral: `""`, why: text}, {name: "prefix", neutral: `false`, why: "answers are not begun"},
		{name: "partial", neutral: `false`, why: "answers are not begun"},
	}
}

// readMessages decodes and checks the messages of a chat.
func readMessages(raw json.RawMessage) ([]Message, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var list []map[string]json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return nil, Wrong{"messages", fmt.Sprintf("messages is %s, want a list of {\"role\": …, \"content\": …}", short(raw))}
	}
	var all []Message
	for i, fields := range list {
		place := fmt.Sprintf("messages[%d]", i)
		var m message
		known := m.fields()
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			value := fields[name]
			if string(value) == "null" {
				continue
			}
			into, ok := known[name]
			var err error
			if ok {
				err = decode(place+"."+name, value, into)
			} else {
				err = permit(place+".", name, value, otherParts())
			}
			if err != nil {
				return nil, err
			}
		}
		out, err := m.convert(place)
		if err != nil {
			return nil, err
		}
		all = append(all, out)
	}
	return all, nil
}

// roles returns the roles of messages, each with the one that prompts know.
func roles() map[string]string {
	return map[string]string{
		"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool",
		"function": "tool",
	}
}

// convert checks a message at a place and translates it for the engine.
func (m message) convert(place string) (out Message, err error) {
	field := func(name, format string, values ...any) (Message, error) {
		name = place + "." + name
		return Message{}, Wrong{name, name + fmt.Sprintf(format, values...)}
	}
	if m.Role == nil {
		return field("role", " is missing, want system, user, assistant or tool")
	}
	var ok bool
	if out.Role, ok = roles()[*m.Role]; !ok {
		return field("role", " is %q, want system, user, assistant or tool", *m.Role)
	}
	if out.Content, err = readContent(place+".content", m.Content); err != nil {
		return out, err
	}
	assistant, tool := out.Role == "assistant", out.Role == "tool"
	if m.Name != nil && *m.Name != "" {
		if out.Name = *m.Name; !tool {
			return field("name", " is %q: prompts have no place for the names of people", *m.Name)
		}
	}
	if m.ToolCallID != nil && *m.ToolCallID != "" {
		if out.CallID = *m.ToolCallID; !tool {
			return field("tool_call_id", " belongs to messages of role tool")
		}
	}
	switch calls, one := string(m.ToolCalls), string(m.FunctionCall); {
	case calls != "" && calls != "[]" && !assistant:
		return field("tool_calls", " belong to messages of role assistant")
	case one != "" && !assistant:
		return field("function_call", " belongs to messages of role assistant")
	case calls != "" && calls != "[]" && one != "":
		return field("function_call", " and tool_calls are both set: send one of them")
	case one != "":
		out.Calls, err = readCalls(place+".function_call", json.RawMessage(`[{"function": `+one+`}]`))
	case calls != "" && calls != "[]":
		out.Calls, err = readCalls(place+".tool_calls", m.ToolCalls)
	}
	silent := out.Role == "system" && string(m.Content) == `""` // in place of a chat template's own
	if err == nil && out.Content == "" && out.Calls == "" && !tool && !silent {
		return field("content", " is empty")
	}
	return out, err
}

// readCalls checks tool calls and returns them as JSON.
func readCalls(name string, raw json.RawMessage) (string, error) {
	var calls []struct {
		Type     *string
		Function *struct {
			Name      string
			Arguments json.RawMessage
		}
	}
	if json.Unmarshal(raw, &calls) != nil {
		return "", Wrong{name, fmt.Sprintf(`%s is %s, want a list of {"id", "type", "function": {"name", "arguments"}}`, name,
			short(raw))}
	}
	for i, c := range calls {
		if c.Type != nil && *c.Type != "function" || c.Function == nil || c.Function.Name == "" {
			return "", Wrong{name, fmt.Sprintf("%s[%d] is not the call of a function with a name", name, i)}
		}
		var quoted string
		arguments := c.Function.Arguments
		if json.Unmarshal(arguments, &quoted) == nil {
			arguments = json.RawMessage(quoted)
		}
		var object map[string]any
		if text := string(arguments); text != "" && json.Unmarshal(arguments, &object) != nil {
			return "", Wrong{name, fmt.Sprintf("%s[%d].function.arguments is %s, want a JSON object as a text", name, i,
				short(c.Function.Arguments))}
		}
	}
	return string(raw), nil
}

// readContent reads "text", [{"type": "text", "text": "…"}], whose texts it joins, or null.
func readContent(name string, raw json.RawMessage) (string, error) {
	var whole string
	if len(raw) == 0 || json.Unmarshal(raw, &whole) == nil {
		return whole, nil
	}
	var parts []map[string]json.RawMessage
	if json.Unmarshal(raw, &parts) != nil {
		return "", Wrong{name, fmt.Sprintf("%s is %s, want a text or a list of {\"type\": \"text\", \"text\": …}", name,
			short(raw))}
	}
	var b strings.Builder
	for i, p := range parts {
		part := fmt.Sprintf("%s[%d]", name, i)
		var kind string
		var text *string
		if json.Unmarshal(p["type"], &kind) != nil || kind != "text" {
			return "", Wrong{part, fmt.Sprintf("%s is of type %s, this server reads text only", part,
				cmp.Or(short(p["type"]), "none"))}
		}
		if json.Unmarshal(p["text"], &text) != nil || text == nil {
			return "", Wrong{part, part + " has no text"}
		}
		b.WriteString(*text)
	}
	return b.String(), nil
}
