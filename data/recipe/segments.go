package recipe

import (
	"fmt"
	"strings"
)

// Segments lays a conversation out for training. A record that marks its prompt is
// learned without it by recipes that learn prompts, too.
func (r Recipe) Segments(c Conversation) ([]Segment, error) {
	segments, err := r.layout(c)
	if err != nil && r.Render == nil {
		err = fmt.Errorf("read %s: %w", c.Source, err)
	}
	if r.LearnPrompt && len(c.Segments) == 0 && c.Given == 0 {
		for i := range segments {
			segments[i].Learn = true
		}
	}
	return segments, err
}

// layout lays a conversation out without regard to LearnPrompt.
func (r Recipe) layout(c Conversation) ([]Segment, error) {
	switch {
	case len(c.Segments) > 0:
		return append([]Segment(nil), c.Segments...), nil
	case r.Render != nil:
		return r.Render(c, false)
	}
	if err := r.onlySystem(c); err != nil {
		return nil, err
	}
	if r.Dialogue == nil {
		if err := r.pair(c); err != nil {
			return nil, err
		}
		prompt, answer := r.single(c, c.Turns[0]), c.Turns[1]
		return []Segment{{Text: prompt}, {Text: answer.Said(), Learn: answer.Learned(true), End: !r.EndIfRoom}}, nil
	}
	segments, err := r.Dialogue.segments(c, false)
	if r.Finish {
		segments = append(segments, Segment{Learn: true, End: true})
	}
	return segments, err
}

// PromptSegments lays a conversation out up to where the next answer begins. A
// recipe for single instructions takes the last turn; Check tells whether turns are
// left out.
func (r Recipe) PromptSegments(c Conversation) ([]Segment, error) {
	switch {
	case r.Render != nil:
		return r.Render(c, true)
	case r.Dialogue != nil:
		if err := r.onlySystem(c); err != nil {
			return nil, err
		}
		return r.Dialogue.segments(c, true)
	case len(c.Turns) == 0:
		return nil, fmt.Errorf("recipe %s: the conversation is empty", r.Name)
	}
	return []Segment{{Text: r.single(c, c.Turns[len(c.Turns)-1])}}, nil
}

// single renders one instruction. A system message, for which these prompts have
// no place, stands in front of it.
func (r Recipe) single(c Conversation, t Turn) string {
	if c.System != "" {
		t.Text = c.System + "\n\n" + t.Text
	}
	return r.Template.Prompt(t.Text, t.Input)
}

// Spoiled reports whether a conversation has one of the texts in Spoils.
func (r Recipe) Spoiled(c Conversation) bool {
	turns := c.Turns
	if r.Dialogue != nil {
		turns, _, _ = r.Dialogue.Kept(turns, false)
	}
	for _, t := range turns {
		for _, bad := range r.Spoils {
			if strings.Contains(t.Text, bad) {
				return true
			}
		}
	}
	return false
}
