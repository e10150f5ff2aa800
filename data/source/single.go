package source

import (
	"encoding/json"

	"fettle/data/recipe"
)

// readAlpaca reads {"instruction", "input", "output"} and {"prompt", "completion"} under all their names, as texts or,
// the prompt and the answer, as lists of messages. Input may be missing; "system", "history" [[question, answer], …],
// "choices" and "tools" may be there. Of self-instruct's "instances" [{"input", "output"}] it reads the first.
func readAlpaca(f fields) (recipe.Conversation, error) {
	if !f.hasAny("output") {
		if inner, ok, err := f.instance(); err != nil {
			return recipe.Conversation{}, err
		} else if ok {
			f = inner
		}
	}
	return readSingle(f, "output")
}

// instance returns the fields of the first of "instances" with the row's instruction.
func (f fields) instance() (fields, bool, error) {
	var instances []map[string]json.RawMessage
	if ok, err := f.into("instances", "a list of objects", &instances); err != nil || !ok || len(instances) == 0 {
		return f, false, err
	}
	if len(instances) > 1 {
		f.notes.inner = append(f.notes.inner, "instances[1:]")
	}
	key, raw := f.value("instruction")
	inner := f
	inner.Fields, inner.columns = map[string]json.RawMessage{}, nil
	for k, v := range instances[0] {
		inner.Fields[k] = v
	}
	if raw != nil {
		inner.Fields["instruction"] = raw
		inner.notes = &notes{read: map[string]bool{}}
		f.mark(key)
	}
	return inner, true, nil
}

// readSingle reads one question with its answer, which is a field of that meaning.
func readSingle(f fields, answer string) (recipe.Conversation, error) {
	c, err := f.question()
	if err != nil {
		return c, err
	}
	if err := f.addAnswerTo(&c, answer); err != nil {
		return c, err
	}
	return f.addBeside(c)
}

// question reads a question with what stands before it.
func (f fields) question() (recipe.Conversation, error) {
	c := recipe.Conversation{Source: f.Source}
	if err := f.addHistory(&c); err != nil {
		return c, err
	}
	key, raw := f.lookup("instruction")
	if !isList(raw) {
		err := f.addInstruction(&c)
		return c, err
	}
	f.mark(key)
	err := f.addMessages(&c, key, raw)
	return c, err
}

// addHistory appends earlier questions and answers.
func (f fields) addHistory(c *recipe.Conversation) error {
	key, raw := f.value("history")
	if empty(raw) || empty(unquoted(raw)) {
		return nil
	}
	return f.addMessages(c, key, raw)
}

// addInstruction appends the question: an instruction with its input and its choices. An input without an instruction
// is the question.
func (f fields) addInstruction(c *recipe.Conversation) error {
	t := recipe.Turn{Role: recipe.User}
	var err error
	if _, raw := f.lookup("instruction"); (raw == nil || isNull(raw)) && f.hasAny("input") {
		t.Text, err = f.text(true, "input")
	} else if t.Text, err = f.text(true, "instruction"); err == nil {
		t.Input, err = f.text(false, "input")
	}
	if err != nil {
		return err
	}
	c.Turns = append(c.Turns, t)
	return nil
}

// addAnswerTo appends the answer to a prompt. Where one of them is a list of messages, the turns of the prompt are
// marked as given.
func (f fields) addAnswerTo(prompt *recipe.Conversation, name string) error {
	given := len(prompt.Turns)
	_, question := f.lookup("instruction")
	_, list := f.lookup("messages")
	_, answer := f.lookup(name)
	if err := f.addAnswer(prompt, name); err != nil {
		return err
	}
	if isList(question) || isList(unquoted(list)) || f.holdsMessages(answer) {
		prompt.Given = given
	}
	return nil
}

// addAnswer appends the answer: a text, or messages.
func (f fields) addAnswer(c *recipe.Conversation, name string) error {
	options, err := f.choices()
	if err != nil {
		return err
	}
	key, raw := f.lookup(name)
	options.addTo(c)
	if f.holdsMessages(raw) {
		f.mark(key)
		return f.addMessages(c, key, raw)
	}
	text, err := f.text(true, name)
	if err != nil {
		return err
	}
	if options != nil {
		if text, err = options.answer(f, key, text, raw[0] != '"'); err != nil {
			return err
		}
	}
	c.Turns = append(c.Turns, recipe.Turn{Role: recipe.Assistant, Text: text})
	return nil
}

// holdsMessages reports whether a value is a message, or a list of them.
func (f fields) holdsMessages(raw json.RawMessage) bool {
	m := f.element("", 0)
	var list []json.RawMessage
	if isList(raw) && json.Unmarshal(raw, &list) == nil && len(list) > 0 {
		raw = list[0]
	}
	return len(raw) > 0 && raw[0] == '{' && json.Unmarshal(raw, &m.Fields) == nil && m.hasAny("role")
}
