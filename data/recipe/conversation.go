package recipe

import "strings"

// Conversation is what a record says, whatever its format.
type Conversation struct {
	System string // the system message, "" if there is none
	Tools  string // the tools on offer, as JSON, "" if there are none
	Turns  []Turn
	Laid   []Segment // a record that brings its own layout has this, and no turns
	Source string    // file:line
}

// Turn is one message.
type Turn struct {
	Role  Role
	Text  string
	Input string // what an instruction is about; Alpaca's second field
	Learn *bool  // the record's own word on whether it is learned; nil: it has none
	Bad   bool   // an answer to be told from a good one (Koala)

	Calls  string // the calls of tools in an answer, as JSON; Text is the same where there are no words beside them
	CallID string // of the call that a tool's turn answers, "" if there is none
	Name   string // of the tool
}

// Instruction returns the conversation of one instruction with its input, which
// may be "".
func Instruction(text, input string) Conversation {
	return Conversation{Turns: []Turn{{Role: User, Text: text, Input: input}}}
}

// Role is who speaks.
type Role string

// The roles.
const (
	User      Role = "user"
	Assistant Role = "assistant"
	System    Role = "system"
	Tool      Role = "tool" // what a tool answered; laid out as the user's unless a template knows better
)

// Asks reports whether a turn is something to answer.
func (t Turn) Asks() bool { return t.Role == User || t.Role == Tool }

// Answers joins what the assistant says.
func (c Conversation) Answers() string {
	var b strings.Builder
	for _, t := range c.Turns {
		if t.Role == Assistant {
			b.WriteString(t.Text)
		}
	}
	for _, s := range c.Laid {
		if s.Learn {
			b.WriteString(s.Text)
		}
	}
	return b.String()
}

// Learned is the record's own word on whether a turn is learned, or otherwise.
func (t Turn) Learned(otherwise bool) bool {
	if t.Learn != nil {
		return *t.Learn
	}
	return otherwise
}

// Content is an instruction with what it is about.
func (t Turn) Content() string {
	if t.Input == "" {
		return t.Text
	}
	return t.Text + "\n" + t.Input
}
