package source

import (
	"fmt"
	"strings"

	"fettle/data/recipe"
)

// readPreference reads the chosen side of a pair: {"prompt", "chosen"} as texts
// or messages, "conversations" with a chosen message, or whole transcripts
// ("\n\nHuman: … \n\nAssistant: …").
func readPreference(f fields) (recipe.Conversation, error) {
	c := recipe.Conversation{Source: f.Source}
	for _, key := range []string{"prompt", "conversations", "messages"} {
		if raw, ok := f.raw(key); ok && raw[0] == '[' {
			return readBoth(f, key, []string{"chosen"})
		}
	}
	if raw, _ := f.raw("chosen"); len(raw) > 0 && raw[0] == '[' {
		err := addMessages(&c, f, "chosen")
		return c, err
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
		c.Turns = []recipe.Turn{{Role: recipe.User, Text: prompt}, {Role: recipe.Assistant, Text: chosen}}
		return c, nil
	}
	err = addTranscript(&c, chosen, "\n\nHuman:", "\n\nAssistant:")
	return c, err
}

// addTranscript splits a text at the marks of its roles and appends the turns.
func addTranscript(c *recipe.Conversation, text, user, assistant string) error {
	for text != "" {
		role, mark := recipe.User, user
		if strings.HasPrefix(text, assistant) {
			role, mark = recipe.Assistant, assistant
		} else if !strings.HasPrefix(text, user) {
			return fmt.Errorf("read %s: the transcript has %.20q, want %q or %q", c.Source, text, user, assistant)
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
