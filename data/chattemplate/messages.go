package chattemplate

import (
	"encoding/json"
	"fmt"
	"strings"

	"fettle/data/recipe"
	"fettle/internal/jinja"
)

// The authors of bytes of a rendering, besides the turns.
const (
	systemID int32 = -1
	toolsID  int32 = -2
)

// turnID returns the author id of turn i.
func turnID(i int) int32 { return int32(i + 1) }

// callStyle describes the message of a tool call as a template takes it: its
// content, and whether the arguments are a mapping or JSON text.
type callStyle struct {
	content string // absent, none or empty
	text    bool
}

// callStyles lists the styles in the order in which they are tried.
var callStyles = []callStyle{
	{"absent", false}, {"absent", true}, {"none", false}, {"none", true}, {"empty", false}, {"empty", true},
}

// asText prints calls as the text of an answer, for templates without tool calls.
var asText = callStyle{}

// messages returns a conversation as templates take it. Each message and its texts
// carry the id of their turn.
func (l *layout) messages(c recipe.Conversation) (*jinja.List, error) {
	var list []any
	if c.System != "" || c.Silent {
		list = append(list, chatMessage(recipe.System, c.System, systemID))
	}
	w := callWriter{style: l.style}
	for i, t := range c.Turns {
		m := chatMessage(t.Role, t.Content(), turnID(i))
		switch {
		case t.Role == recipe.Assistant && t.Calls != "" && l.style != asText:
			m = chatMessage(t.Role, "", turnID(i))
			if err := w.calls(m, t, turnID(i)); err != nil {
				return nil, err
			}
		case t.Role == recipe.Assistant && t.Calls != "" && !strings.Contains(t.Text, t.Calls):
			m = chatMessage(t.Role, t.Said(), turnID(i))
		case t.Role == recipe.Tool:
			w.result(m, t, turnID(i))
		}
		if t.Reasoning != "" {
			m.Set(t.ReasoningKey, jinja.NewText(t.Reasoning, turnID(i)))
		}
		list = append(list, m)
	}
	return jinja.NewList(list...), nil
}

func chatMessage(role recipe.Role, text string, id int32) *jinja.Dict {
	m := jinja.NewDict()
	m.ID = id
	m.Set("role", string(role))
	m.Set("content", jinja.NewText(text, id))
	return m
}

// callWriter writes tool calls and their results, each result with the id of its
// call.
type callWriter struct {
	style callStyle
	made  int
	open  []string // ids of calls without a result
}

// calls adds the tool calls of an answer to its message, whose other text stays.
func (w *callWriter) calls(m *jinja.Dict, t recipe.Turn, id int32) error {
	calls, err := recipe.ParseCalls(t.Calls)
	if err != nil {
		return err
	}
	switch words := t.Text; {
	case words != "" && words != t.Calls:
		m.Set("content", jinja.NewText(words, id))
	case w.style.content == "absent":
		bare := jinja.NewDict()
		bare.ID = m.ID
		bare.Set("role", string(recipe.Assistant))
		*m = *bare
	case w.style.content == "none":
		m.Set("content", nil)
	}
	var list []any
	for _, c := range calls {
		arguments, err := w.arguments(c.Arguments, id)
		if err != nil {
			return fmt.Errorf("arguments of %s: %w", c.Name, err)
		}
		if w.made++; c.ID == "" {
			c.ID = fmt.Sprintf("call%05d", w.made)
		}
		w.open = append(w.open, c.ID)
		function, call := jinja.NewDict(), jinja.NewDict()
		function.Set("name", jinja.NewText(c.Name, id))
		function.Set("arguments", arguments)
		call.Set("id", jinja.NewText(c.ID, id))
		call.Set("type", "function")
		call.Set("function", function)
		list = append(list, call)
	}
	m.Set("tool_calls", jinja.NewList(list...))
	return nil
}

// arguments returns the arguments of a call in the template's style, whichever the
// record has.
func (w *callWriter) arguments(raw json.RawMessage, id int32) (any, error) {
	text := string(raw)
	if text == "" || text == "null" {
		text = "{}"
	}
	var quoted string
	if json.Unmarshal(raw, &quoted) == nil && quoted != "" {
		text = quoted
	}
	if w.style.text {
		return jinja.NewText(text, id), nil
	}
	v, err := jinja.FromJSON(text, id)
	if err != nil {
		return nil, err
	}
	if _, ok := v.(*jinja.Dict); !ok {
		return nil, fmt.Errorf("got %.40s, want {…}", text)
	}
	return v, nil
}

// result adds the id of the answered call to a tool's message.
func (w *callWriter) result(m *jinja.Dict, t recipe.Turn, id int32) {
	call := t.CallID
	if len(w.open) > 0 {
		if call == "" {
			call = w.open[0]
		}
		w.open = w.open[1:]
	}
	m.Set("tool_call_id", jinja.NewText(call, id))
	if t.Name != "" {
		m.Set("name", jinja.NewText(t.Name, id))
	}
}

// toolList decodes the tools on offer, bare functions wrapped as templates take them;
// nil: there are none.
func toolList(text string) (*jinja.List, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	v, err := jinja.FromJSON(text, toolsID)
	if err != nil {
		return nil, fmt.Errorf("tools on offer: %w", err)
	}
	list, ok := v.(*jinja.List)
	if !ok {
		list = jinja.NewList(v)
	}
	if len(list.Items) == 0 {
		return nil, nil
	}
	var wrapped []any
	for i, item := range list.Items {
		d, ok := item.(*jinja.Dict)
		if !ok {
			return nil, fmt.Errorf("tools on offer: tool %d is not {…}", i+1)
		}
		if _, whole := d.Get("function"); !whole {
			function := d
			d = jinja.NewDict()
			d.Set("type", "function")
			d.Set("function", function)
		}
		wrapped = append(wrapped, d)
	}
	return jinja.NewList(wrapped...), nil
}
