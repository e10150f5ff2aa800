package recipe

import (
	"fmt"
	"strings"
)

// Check reports what the recipe would leave out of a prompt, or why it cannot lay the
// prompt out: turns before the last one under a recipe for single instructions, a
// system message among the turns, answers before the first question, tools without a
// place. A conversation that passes is laid out whole.
func (r Recipe) Check(c Conversation) error {
	if len(c.Turns) == 0 {
		return fmt.Errorf("recipe %s: the conversation is empty", r.Name)
	}
	if strings.Trim(c.Tools, "[] \n") != "" && !r.Tools {
		return fmt.Errorf("recipe %s has no place for tools", r.Name)
	}
	if r.Render == nil {
		if err := r.onlySystem(c); err != nil {
			return err
		}
	}
	switch n := len(c.Turns); {
	case r.Dialogue != nil:
		if _, before, _ := r.Dialogue.Kept(c.Turns, true); before > 0 {
			return fmt.Errorf("recipe %s leaves out the assistant's turns before the first question (%s)",
				r.Name, roles(c.Turns))
		}
	case !r.Chat && n > 1:
		return fmt.Errorf("recipe %s takes one instruction: of %d turns (%s), the first %d would be left out",
			r.Name, n, roles(c.Turns), n-1)
	case !r.Chat && !c.Turns[0].Asks():
		return fmt.Errorf("recipe %s takes an instruction, got a turn of the %s's", r.Name, c.Turns[0].Role)
	}
	_, err := r.PromptSegments(c)
	return err
}

// onlySystem refuses a system message among the turns.
func (r Recipe) onlySystem(c Conversation) error {
	for i, t := range c.Turns {
		switch {
		case t.Role == System && c.System != "":
			return fmt.Errorf("recipe %s has no place for a second system message, in turn %d", r.Name, i+1)
		case t.Role == System:
			return fmt.Errorf("recipe %s has no place for a system message behind the first turn, in turn %d", r.Name, i+1)
		}
	}
	return nil
}

// pair refuses all but one instruction and one answer.
func (r Recipe) pair(c Conversation) error {
	if len(c.Turns) == 2 && c.Turns[0].Asks() && c.Turns[1].Role == Assistant {
		return nil
	}
	return fmt.Errorf("recipe %s takes one instruction and one answer, got %d turns (%s); "+
		"vicuna, koala, baize and chat templates take more", r.Name, len(c.Turns), roles(c.Turns))
}

// roles lists the authors of the first turns.
func roles(turns []Turn) string {
	const most = 6
	var names []string
	for i, t := range turns {
		if i == most {
			names = append(names, "…")
			break
		}
		names = append(names, string(t.Role))
	}
	return strings.Join(names, ", ")
}
