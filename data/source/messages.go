package source

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"fettle/data/recipe"
)

// readMessages reads ShareGPT's {"conversations": [{"from", "value"}]} and OpenAI's {"messages": [{"role",
// "content"}]}, lists of question-and-answer pairs and lists of alternating texts, with "system" and "tools" beside the
// list.
func readMessages(f fields) (recipe.Conversation, error) {
	c := recipe.Conversation{Source: f.Source}
	key, raw := f.value("messages")
	if raw == nil {
		if key != "" {
			return c, f.errorf("%q is null", key)
		}
		return c, f.missing("messages")
	}
	if err := f.addMessages(&c, key, raw); err != nil {
		return c, err
	}
	return f.addBeside(c)
}

// addMessages appends the messages of a field: a list, or one by itself.
func (f fields) addMessages(c *recipe.Conversation, key string, raw json.RawMessage) error {
	raw = unquoted(raw)
	var list []json.RawMessage
	if len(raw) > 0 && raw[0] == '{' {
		list = append(list, raw)
	} else if err := json.Unmarshal(raw, &list); err != nil {
		return f.errorf("%q is %.20s, want a list of messages", key, raw)
	}
	for i, raw := range list {
		if err := f.addElement(c, key, i, raw); err != nil {
			return err
		}
	}
	return nil
}

// addElement appends the turns of one element of a list of messages.
func (f fields) addElement(c *recipe.Conversation, key string, i int, raw json.RawMessage) error {
	m := f.element(key, i)
	if text, ok := scalar(raw); ok { // alternating texts
		role := recipe.User
		if i%2 == 1 {
			role = recipe.Assistant
		}
		c.Turns = append(c.Turns, recipe.Turn{Role: role, Text: text})
		return nil
	}
	if len(raw) > 0 && raw[0] == '[' {
		return m.addPair(c, raw)
	}
	if err := json.Unmarshal(raw, &m.Fields); err != nil || m.Fields == nil {
		return m.errorf("got %.40s, want {\"role\", \"content\"}", raw)
	}
	m.see()
	var err error
	if pair, ok := m.pair(); ok {
		err = pair.addQuestion(c)
	} else {
		err = m.addMessage(c)
	}
	m.report(f, key)
	return err
}

// pair returns the fields of an element that holds a question and its answer, under the names of such elements.
func (f fields) pair() (fields, bool) {
	role, _ := f.lookup("role")
	f.table = pairFields
	return f, (role == "" || strings.EqualFold(role, "user")) && f.hasAny("question") && f.hasAny("answer")
}

// addPair appends the turns of [question, answer].
func (f fields) addPair(c *recipe.Conversation, raw json.RawMessage) error {
	var pair []json.RawMessage
	if err := json.Unmarshal(raw, &pair); err != nil {
		return f.errorf("got %.40s: %w", raw, err)
	}
	if len(pair) != 2 {
		return f.errorf("%d texts in a turn, want [question, answer]", len(pair))
	}
	for i, role := range []recipe.Role{recipe.User, recipe.Assistant} {
		text, ok := scalar(pair[i])
		if !ok {
			return f.errorf("got %.40s, want [question, answer]", raw)
		}
		c.Turns = append(c.Turns, recipe.Turn{Role: role, Text: text})
	}
	return nil
}

// addQuestion appends the turns of an element with a question and its answer.
func (f fields) addQuestion(c *recipe.Conversation) error {
	var texts [3]string
	for i, name := range []string{"system", "question", "answer"} {
		var err error
		if texts[i], err = f.text(i > 0, name); err != nil {
			return err
		}
	}
	if texts[0] != "" && c.System == "" && len(c.Turns) == 0 {
		c.System = texts[0]
	} else if texts[0] != "" {
		c.Turns = append(c.Turns, recipe.Turn{Role: recipe.System, Text: texts[0]})
	}
	c.Turns = append(c.Turns, recipe.Turn{Role: recipe.User, Text: texts[1]},
		recipe.Turn{Role: recipe.Assistant, Text: texts[2]})
	return nil
}

// addBeside returns a conversation with the fields beside its messages. A system message among them comes first.
func (f fields) addBeside(c recipe.Conversation) (recipe.Conversation, error) {
	if key, raw := f.lookup("system"); raw != nil && !isNull(raw) {
		text, ok := scalar(raw)
		if !ok {
			return c, f.errorf("%q is %.20s, want a text", key, raw)
		}
		if c.System == "" || text == c.System {
			c.System, c.Silent = text, c.Silent && text == ""
			f.mark(key)
		}
	}
	if _, raw := f.value("tools"); !empty(raw) {
		c.Tools = string(unquoted(raw))
	}
	f.addVerdict(&c)
	return c, nil
}

// addVerdict reads KTO's label of the last answer.
func (f fields) addVerdict(c *recipe.Conversation) {
	key, raw := f.lookup("kto_tag")
	text, _ := scalar(raw)
	switch text {
	case "true", "True", "TRUE":
		f.mark(key)
	case "false", "False", "FALSE":
		f.mark(key)
		if n := len(c.Turns); n > 0 && c.Turns[n-1].Role == recipe.Assistant {
			c.Turns[n-1].Bad = true
		}
	}
}

// report tells the row which fields of a message hold text and were not read.
func (f fields) report(row fields, key string) {
	for _, name := range f.use().Unread {
		if name = key + "[]." + name; !slices.Contains(row.notes.inner, name) {
			row.notes.inner = append(row.notes.inner, name)
		}
	}
}

// element returns the fields, yet without values, of element i of a list of messages.
func (f fields) element(key string, i int) fields {
	return fields{
		Row: Row{Source: f.Source}, schema: *f.message, table: messageFields,
		place: fmt.Sprintf("%q, message %d: ", key, i+1), notes: &notes{read: map[string]bool{}},
	}
}
