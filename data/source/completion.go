package source

import (
	"fmt"

	"fettle/data/recipe"
)

// The names of the two fields.
var (
	promptKeys     = []string{"prompt", "question", "query"}
	completionKeys = []string{"completion", "response", "answer", "output"}
)

// readCompletion reads {"prompt", "completion"}: texts, or lists of messages.
func readCompletion(f fields) (recipe.Conversation, error) {
	for _, key := range promptKeys {
		if raw, ok := f.raw(key); ok && raw[0] == '[' {
			return readBoth(f, key, completionKeys)
		}
	}
	c := recipe.Conversation{Source: f.Source}
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
	c.Turns = []recipe.Turn{{Role: recipe.User, Text: prompt}, {Role: recipe.Assistant, Text: answer}}
	return c, nil
}

// readBoth reads a prompt and the first of the answers that the row has, both lists
// of messages.
func readBoth(f fields, prompt string, answers []string) (recipe.Conversation, error) {
	c := recipe.Conversation{Source: f.Source}
	if err := addMessages(&c, f, prompt); err != nil {
		return c, err
	}
	for _, key := range answers {
		if f.has(key) {
			err := addMessages(&c, f, key)
			return c, err
		}
	}
	return c, fmt.Errorf("read %s: no %q", f.Source, answers[0])
}
