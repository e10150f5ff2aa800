package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"fettle/data/recipe"
	datasource "fettle/data/source"
	"fettle/internal/atomicfile"
)

// saved is a conversation in a file: a row of a data set as OpenAI writes them.
type saved struct {
	Messages []savedMessage `json:"messages"`
}

type savedMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// save writes the whole conversation, also the turns that the model no longer sees. It replaces the file that this chat
// has written, or read whole, and no other.
func (c *chatter) save(path string) error {
	if path = atHome(path); path == "" {
		path = c.file
	}
	switch _, err := os.Stat(path); {
	case path == "":
		return errors.New("/save needs a file: /save talk.jsonl")
	case len(c.dialogue.Turns) == 0:
		return errors.New("there is nothing to save yet")
	case err == nil && path != c.file:
		return fmt.Errorf("%s exists: choose another name", path)
	}
	var s saved
	if c.dialogue.System != "" {
		s.Messages = append(s.Messages, savedMessage{string(recipe.System), c.dialogue.System})
	}
	for _, t := range c.dialogue.Turns {
		s.Messages = append(s.Messages, savedMessage{string(t.Role), t.Content()})
	}
	var text strings.Builder
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return err
	}
	if err := atomicfile.Write(path, atomicfile.Private(atomicfile.Bytes([]byte(text.String())))); err != nil {
		return err
	}
	c.file = path
	c.note("Saved to %s (%d messages).", path, len(s.Messages))
	return nil
}

// load replaces the conversation by that of the first row of a file, in any format of data sets.
func (c *chatter) load(path string) error {
	if path = atHome(path); path == "" {
		path = c.file
	}
	if path == "" {
		return errors.New("/load needs a file: /load talk.jsonl")
	}
	d, more, err := firstConversation(path)
	if err != nil {
		return err
	}
	note, err := systemPlace(*c.Recipe, d.System)
	if err != nil {
		return err
	}
	probe := d
	if i := lastQuestion(d.Turns); c.Recipe.Converses() && i >= 0 {
		probe.Turns = d.Turns[:i+1]
		if err := c.Recipe.Check(probe); err != nil {
			return err
		}
	}
	c.dialogue, c.before, c.file = recipe.Conversation{System: d.System, Silent: d.Silent, Turns: d.Turns}, 0, path
	if more {
		c.file = "" // its other rows must not be replaced
	}
	for _, t := range d.Turns {
		who := "model"
		if t.Asks() {
			who = "you"
		}
		fmt.Fprintf(c.out, "%s: %s\n", who, visible(strings.TrimSpace(t.Content())))
	}
	if note != "" {
		c.note("%s.", note)
	}
	if n := len(d.Turns); d.Turns[n-1].Asks() {
		c.note("(The last message has no answer yet: /retry answers it.)")
	}
	return nil
}

// firstConversation reads the first row of a file, and reports whether more rows follow.
func firstConversation(path string) (d recipe.Conversation, more bool, err error) {
	r, err := datasource.Open(datasource.File{Path: path}, nil)
	if err != nil {
		return d, false, err
	}
	for record, err := range r.Records() {
		if len(d.Turns) > 0 {
			return d, true, nil
		}
		if err != nil {
			return d, false, err
		}
		row, err := record.Row()
		if err != nil {
			return d, false, err
		}
		if d, _, err = r.Conversation(row); err != nil {
			return d, false, err
		}
		if len(d.Turns) == 0 {
			break
		}
	}
	if len(d.Turns) == 0 {
		return d, false, fmt.Errorf("read %s: its first row holds no messages", path)
	}
	return d, false, nil
}

// atHome replaces ~/ at the beginning of a path, as a shell does.
func atHome(path string) string {
	path = strings.TrimSpace(path)
	home, err := os.UserHomeDir()
	if rest, ok := strings.CutPrefix(path, "~/"); ok && err == nil {
		return filepath.Join(home, rest)
	}
	return path
}
