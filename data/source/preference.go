package source

import (
	"encoding/json"
	"strings"

	"fettle/data/recipe"
)

// readPreference reads the chosen side of a pair: {"prompt", "chosen"} as texts or messages, a list of messages with a
// chosen one, or whole transcripts ("\n\nHuman: … \n\nAssistant: …").
func readPreference(f fields) (recipe.Conversation, error) {
	c := recipe.Conversation{Source: f.Source}
	key, raw := f.lookup("chosen")
	if isList(raw) && asks(f, raw) {
		f.mark(key)
		if err := f.addMessages(&c, key, raw); err != nil {
			return c, err
		}
		f.markPrompt(c)
		return f.addBeside(c)
	}
	if key, list := f.lookup("messages"); isList(unquoted(list)) {
		f.mark(key)
		if err := f.addMessages(&c, key, list); err != nil {
			return c, err
		}
		if err := f.addAnswerTo(&c, "chosen"); err != nil {
			return c, err
		}
		return f.addBeside(c)
	}
	if f.hasAny("instruction") || f.hasAny("input") {
		return readSingle(f, "chosen")
	}
	chosen, err := f.text(true, "chosen")
	if err != nil {
		return c, err
	}
	if err := addTranscript(&c, f, chosen, "\n\nHuman:", "\n\nAssistant:"); err != nil {
		return c, err
	}
	return f.addBeside(c)
}

// asks reports whether a list of messages is a whole conversation: its first message is not an answer.
func asks(f fields, list json.RawMessage) bool {
	var c recipe.Conversation
	var first []json.RawMessage
	if json.Unmarshal(list, &first) != nil || len(first) == 0 {
		return true
	}
	f.notes = &notes{read: map[string]bool{}}
	return f.addElement(&c, "chosen", 0, first[0]) != nil || len(c.Turns) == 0 || c.Turns[0].Role != recipe.Assistant
}

// markPrompt marks a prompt that a whole conversation repeats.
func (f fields) markPrompt(c recipe.Conversation) {
	key, raw := f.lookup("instruction")
	if text, ok := scalar(raw); ok && len(c.Turns) > 0 && c.Turns[0].Text == text || isList(raw) {
		f.mark(key)
	}
}

// addTranscript splits a text at the marks of its roles and appends the turns.
func addTranscript(c *recipe.Conversation, f fields, text, user, assistant string) error {
	for text != "" {
		role, mark := recipe.User, user
		if strings.HasPrefix(text, assistant) {
			role, mark = recipe.Assistant, assistant
		} else if !strings.HasPrefix(text, user) {
			return f.errorf("the transcript has %.20q, want %q or %q", text, user, assistant)
		}
		text = text[len(mark):]
		end := len(text)
		for _, m := range []string{user, assistant} {
			if i := strings.Index(text, m); i >= 0 {
				end = min(end, i)
			}
		}
		c.Turns = append(c.Turns, recipe.Turn{Role: role, Text: strings.TrimSpace(text[:end])})
		text = text[end:]
	}
	return nil
}
