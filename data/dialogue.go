package data

import (
	"fmt"
	"strings"
)

// Dialogue is the text around the turns of a conversation:
//
//	System SystemEnd (User question UserEnd Assistant Gap answer AssistantEnd [EOS])… Closing [EOS]
type Dialogue struct {
	System, SystemEnd string // a conversation's own system message takes System's place
	User, UserEnd     string
	Assistant         string // up to where an answer begins; here generation starts
	Bad               string // Assistant's place before a bad answer
	Gap, AssistantEnd string // around an answer, learned with it
	End               bool   // EOS follows every answer, learned with it
	Closing           string // what ends a training text, with EOS
	Apart             bool   // answers are tokenized on their own
	LearnFrame        bool   // all but what the user says is learned
}

// segments lays a conversation out. open: it ends where an answer begins.
func (d Dialogue) segments(c Conversation, open bool) ([]Segment, error) {
	var out []Segment
	frame := d.LearnFrame
	put := func(s Segment) {
		if n := len(out); n > 0 && !s.Apart && !out[n-1].End && !out[n-1].Apart && out[n-1].Learn == s.Learn && !s.End {
			out[n-1].Text += s.Text
		} else {
			out = append(out, s)
		}
	}
	system := d.System
	if c.System != "" {
		system = c.System
	}
	if system != "" {
		put(Segment{Text: system + d.SystemEnd, Learn: frame})
	}
	for i, t := range c.Turns {
		switch {
		case t.asks():
			put(Segment{Text: d.User + t.whole() + d.UserEnd, Learn: t.Learned(false)})
		case t.Role == Assistant:
			begin := d.Assistant
			if t.Bad && d.Bad != "" {
				begin = d.Bad
			}
			put(Segment{Text: begin, Learn: frame && t.Learned(true)})
			out = append(out, Segment{Text: d.Gap + t.Text + d.AssistantEnd, Learn: t.Learned(true), End: d.End, Apart: d.Apart})
		default:
			return nil, fmt.Errorf("read %s: turn %d is of the unknown role %q", c.Source, i+1, t.Role)
		}
	}
	if open {
		put(Segment{Text: d.Assistant, Learn: frame})
	} else if d.Closing != "" {
		out = append(out, Segment{Text: d.Closing, Learn: true, End: true})
	}
	return out, nil
}

// Learned is the record's own word on whether a turn is learned, or otherwise.
func (t Turn) Learned(otherwise bool) bool {
	if t.Learn != nil {
		return *t.Learn
	}
	return otherwise
}

// whole is an instruction with what it is about.
func (t Turn) whole() string {
	if t.Input == "" {
		return t.Text
	}
	return t.Text + "\n" + t.Input
}

// Text renders a conversation as one string, up to where the next answer
// begins; end is how the control token that ends an answer is spelled.
func (d Dialogue) Text(c Conversation, end string) (string, error) {
	segments, err := d.segments(c, true)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, s := range segments {
		b.WriteString(s.Text)
		if s.End {
			b.WriteString(end)
		}
	}
	return b.String(), nil
}

// Segments lays a conversation out in the recipe's template.
func (r Recipe) Segments(c Conversation) ([]Segment, error) {
	segments, err := r.segments(c)
	if r.LearnPrompt && len(c.Laid) == 0 {
		for i := range segments {
			segments[i].Learn = true
		}
	}
	return segments, err
}

func (r Recipe) segments(c Conversation) ([]Segment, error) {
	switch {
	case len(c.Laid) > 0:
		return append([]Segment(nil), c.Laid...), nil
	case r.Render != nil:
		return r.Render(c, false)
	case r.Dialogue == nil:
		if len(c.Turns) != 2 || !c.Turns[0].asks() || c.Turns[1].Role != Assistant {
			return nil, fmt.Errorf("read %s: recipe %s has room for one instruction and one answer, not for %d turns; vicuna, koala, baize and chat templates have more",
				c.Source, r.Name, len(c.Turns))
		}
		prompt, answer := r.single(c, c.Turns[0]), c.Turns[1]
		return []Segment{{Text: prompt}, {Text: answer.Text, Learn: answer.Learned(true), End: !r.EndIfRoom}}, nil
	}
	segments, err := r.Dialogue.segments(c, false)
	if r.Finish {
		segments = append(segments, Segment{Learn: true, End: true})
	}
	return segments, err
}

// asking lays a conversation out up to where an answer begins.
func (r Recipe) asking(c Conversation) ([]Segment, error) {
	switch {
	case r.Render != nil:
		return r.Render(c, true)
	case r.Dialogue != nil:
		return r.Dialogue.segments(c, true)
	case len(c.Turns) == 0:
		return nil, fmt.Errorf("recipe %s: nothing is asked", r.Name)
	}
	return []Segment{{Text: r.single(c, c.Turns[len(c.Turns)-1])}}, nil
}

// single renders one instruction. These prompts have no place for a system
// message: it goes in front of the instruction.
func (r Recipe) single(c Conversation, t Turn) string {
	if c.System != "" {
		t.Text = c.System + "\n\n" + t.Text
	}
	return r.Template.Prompt(t.Text, t.Input)
}

// spoils reports whether a conversation has text that makes the recipe learn
// nothing from it: FastChat counts such a sample's turns wrong, and masks all.
func (r Recipe) spoils(c Conversation) bool {
	for _, t := range c.Turns {
		for _, bad := range r.Spoils {
			if strings.Contains(t.Text, bad) {
				return true
			}
		}
	}
	return false
}
