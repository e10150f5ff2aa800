package data

import (
	"encoding/json"
	"fmt"
	"strings"
)

// readAlpaca reads {"instruction", "input", "output"}, input may be missing;
// also "system", "history" [[question, answer], …] before it, and self-instruct's
// "instances" [{"input", "output"}], of which the first counts.
func readAlpaca(f fields) (Conversation, error) {
	c := Conversation{Source: f.Source}
	var instances []map[string]json.RawMessage
	if !f.has("output") && !f.has("response") {
		if ok, err := f.into("instances", "a list of objects", &instances); err != nil {
			return c, err
		} else if ok && len(instances) > 0 {
			instances[0]["instruction"], _ = f.raw("instruction")
			f = fields{Row{instances[0], f.Source}, nil}
		}
	}
	var texts [4]string
	for i, key := range [][]string{{"instruction"}, {"input"}, {"output", "response"}, {"system"}} {
		var err error
		if texts[i], err = f.text(i == 0 || i == 2, key...); err != nil {
			return c, err
		}
	}
	var history [][]string
	if _, err := f.into("history", "a list of [question, answer]", &history); err != nil {
		return c, err
	}
	for _, pair := range history {
		if len(pair) != 2 {
			return c, fmt.Errorf("read %s: \"history\" has %d texts in a turn, want [question, answer]", f.Source, len(pair))
		}
		c.Turns = append(c.Turns, Turn{Role: User, Text: pair[0]}, Turn{Role: Assistant, Text: pair[1]})
	}
	c.System = texts[3]
	c.Turns = append(c.Turns, Turn{Role: User, Text: texts[0], Input: texts[1]}, Turn{Role: Assistant, Text: texts[2]})
	return c, nil
}

var (
	promptKeys     = []string{"prompt", "question", "query"}
	completionKeys = []string{"completion", "response", "answer", "output"}
)

// readCompletion reads {"prompt", "completion"}: texts, or lists of messages.
func readCompletion(f fields) (Conversation, error) {
	for _, key := range promptKeys {
		if raw, ok := f.raw(key); ok && raw[0] == '[' {
			return readBoth(f, key, completionKeys)
		}
	}
	c := Conversation{Source: f.Source}
	prompt, err := f.text(true, promptKeys...)
	if err != nil {
		return c, err
	}
	answer, err := f.text(true, completionKeys...)
	if err != nil {
		return c, err
	}
	if c.System, err = f.text(false, "system"); err != nil {
		return c, err
	}
	c.Turns = []Turn{{Role: User, Text: prompt}, {Role: Assistant, Text: answer}}
	return c, nil
}

// readBoth reads a prompt and an answer that are lists of messages.
func readBoth(f fields, prompt string, answers []string) (Conversation, error) {
	c := Conversation{Source: f.Source}
	if err := c.messages(f, prompt); err != nil {
		return c, err
	}
	for _, key := range answers {
		if f.has(key) {
			return c, c.messages(f, key)
		}
	}
	return c, fmt.Errorf("read %s: no %q", f.Source, answers[0])
}

// readPreference reads the chosen side of a pair: {"prompt", "chosen"} as texts
// or messages, "conversations" with a chosen message, or whole transcripts
// ("\n\nHuman: … \n\nAssistant: …").
func readPreference(f fields) (Conversation, error) {
	c := Conversation{Source: f.Source}
	for _, key := range []string{"prompt", "conversations", "messages"} {
		if raw, ok := f.raw(key); ok && raw[0] == '[' {
			return readBoth(f, key, []string{"chosen"})
		}
	}
	if raw, _ := f.raw("chosen"); len(raw) > 0 && raw[0] == '[' {
		return c, c.messages(f, "chosen")
	}
	chosen, err := f.text(true, "chosen")
	if err != nil {
		return c, err
	}
	prompt, err := f.text(false, "prompt", "question", "instruction")
	if err != nil {
		return c, err
	}
	if prompt != "" {
		c.Turns = []Turn{{Role: User, Text: prompt}, {Role: Assistant, Text: chosen}}
		return c, nil
	}
	return c, c.transcript(chosen, "\n\nHuman:", "\n\nAssistant:")
}

// transcript takes a text apart at its speakers' names.
func (c *Conversation) transcript(text, user, assistant string) error {
	for text != "" {
		role, mark := User, user
		if strings.HasPrefix(text, assistant) {
			role, mark = Assistant, assistant
		} else if !strings.HasPrefix(text, user) {
			return fmt.Errorf("read %s: the transcript has %.20q where %q or %q should stand", c.Source, text, user, assistant)
		}
		text = text[len(mark):]
		end := len(text)
		for _, m := range []string{user, assistant} {
			if i := strings.Index(text, m); i >= 0 {
				end = min(end, i)
			}
		}
		c.Turns = append(c.Turns, Turn{Role: role, Text: strings.TrimSpace(text[:end])})
		text = text[end:]
	}
	return nil
}

// readText reads {"text"}: all of it is learned.
func readText(f fields) (Conversation, error) {
	text, err := f.text(true, "text", "story", "content")
	return Conversation{Laid: []Segment{{Text: text, Learn: true, End: true}}, Source: f.Source}, err
}

// readSegments reads {"segments": [{"text", "label"}]}: a layout of its own.
func readSegments(f fields) (Conversation, error) {
	c := Conversation{Source: f.Source}
	var list []struct {
		Text  string
		Label bool
	}
	if _, err := f.into("segments", `a list of {"text", "label"}`, &list); err != nil {
		return c, err
	}
	if len(list) == 0 {
		return c, fmt.Errorf("read %s: \"segments\" is empty", f.Source)
	}
	for _, s := range list {
		c.Laid = append(c.Laid, Segment{Text: s.Text, Learn: s.Label})
	}
	c.Laid[len(c.Laid)-1].End = true
	return c, nil
}

// readBaize reads {"topic", "input"}: the whole training text.
func readBaize(f fields) (Conversation, error) {
	text, err := f.text(true, "input")
	return Conversation{Laid: []Segment{{Text: text, Learn: true, End: true}}, Source: f.Source}, err
}
