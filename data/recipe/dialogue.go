package recipe

import (
	"fmt"
	"strings"
)

// Dialogue is the text around the turns of a conversation:
//
//	System SystemEnd (User question UserEnd Assistant Gap answer AssistantEnd [EOS])… Closing [EOS]
type Dialogue struct {
	System, SystemEnd string // a conversation's system message replaces System
	User, UserEnd     string
	Assistant         string // before an answer; generation begins behind it
	Bad               string // instead of Assistant, before a bad answer
	Gap, AssistantEnd string // around an answer, learned with it
	End               bool   // EOS follows every answer, learned with it
	Closing           string // ends a training text, with EOS behind it
	Apart             bool   // answers are tokenized on their own
	LearnFrame        bool   // everything but the user's turns is learned

	Bare      bool // nothing follows User and Assistant where the turn's text is empty, no EOS either
	DropFirst bool // answers before the first question are left out
	DropLast  bool // questions behind the last answer are left out of a training text
}

// Kept returns the turns that are laid out, and the numbers of turns that the system's
// own code leaves out before and behind them. open: generation follows, so that the
// last question stays.
func (d Dialogue) Kept(turns []Turn, open bool) (kept []Turn, before, behind int) {
	for d.DropFirst && len(turns) > 0 && turns[0].Role == Assistant {
		turns, before = turns[1:], before+1
	}
	for d.DropLast && !open && len(turns) > 0 && turns[len(turns)-1].Asks() {
		turns, behind = turns[:len(turns)-1], behind+1
	}
	return turns, before, behind
}

// segments lays a conversation out; open: up to where the next answer begins.
func (d Dialogue) segments(c Conversation, open bool) ([]Segment, error) {
	var out []Segment
	frame := d.LearnFrame && c.Given == 0
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
	turns, before, _ := d.Kept(c.Turns, open)
	for i, t := range turns {
		switch {
		case t.Asks() && d.Bare && t.Content() == "":
			put(Segment{Text: strings.TrimRight(d.User, " "), Learn: t.Learned(false)})
		case t.Asks():
			put(Segment{Text: d.User + t.Content() + d.UserEnd, Learn: t.Learned(false)})
		case t.Role == Assistant:
			begin := d.Assistant
			if t.Bad && d.Bad != "" {
				begin = d.Bad
			}
			put(Segment{Text: begin, Learn: frame && t.Learned(true)})
			if d.Bare && t.Said() == "" {
				continue
			}
			answer := Segment{Text: d.Gap + t.Said() + d.AssistantEnd, Learn: t.Learned(true), End: d.End, Apart: d.Apart}
			out = append(out, answer)
		default:
			return nil, fmt.Errorf("turn %d has the unknown role %q", before+i+1, t.Role)
		}
	}
	if open {
		put(Segment{Text: d.Assistant, Learn: frame})
	} else if d.Closing != "" {
		out = append(out, Segment{Text: d.Closing, Learn: true, End: true})
	}
	return out, nil
}
