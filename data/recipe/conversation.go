package recipe

import "strings"

// Conversation holds the messages of a record, whatever the record's format.
type Conversation struct {
	System   string // the system message, "" if there is none
	Silent   bool   // there is a system message, of no text: chat templates print it, and no default one
	Tools    string // the tools on offer, as JSON, "" if there are none
	Turns    []Turn
	Segments []Segment // instead of Turns, in a record that brings its own layout
	Given    int       // the first turns that a record of messages calls its prompt: not learned, see Recipe.Restrict
	Source   string    // file:line
}

// Turn is one message.
type Turn struct {
	Role  Role
	Text  string
	Input string // of an instruction; Alpaca's second field
	Learn *bool  // whether it is learned; nil: the record does not say
	Bad   bool   // a bad answer, which Koala's prompt marks

	Calls  string // the tool calls of an answer, as JSON; Text equals it if the answer has no other text
	CallID string // the call whose result a tool's turn holds, "" if unknown
	Name   string // the tool's

	Reasoning    string // of an answer, for the templates that print it
	ReasoningKey string // the record's name of it, which is the templates' too
}

// Instruction returns the conversation of one instruction with its input, which
// may be "".
func Instruction(text, input string) Conversation {
	return Conversation{Turns: []Turn{{Role: User, Text: text, Input: input}}}
}

// Role is the author of a turn.
type Role string

// The roles.
const (
	User      Role = "user"
	Assistant Role = "assistant"
	System    Role = "system"
	Tool      Role = "tool" // the result of a tool call; laid out as the user's unless a template has a place for it
)

// Asks reports whether the assistant answers the turn: the user's and a tool's.
func (t Turn) Asks() bool { return t.Role == User || t.Role == Tool }

// Answers joins the texts of the assistant's turns, or of the learned segments.
func (c Conversation) Answers() string {
	var b strings.Builder
	for _, t := range c.Turns {
		if t.Role == Assistant {
			b.WriteString(t.Text)
		}
	}
	for _, s := range c.Segments {
		if s.Learn {
			b.WriteString(s.Text)
		}
	}
	return b.String()
}

// Learned returns Learn, or otherwise if the record does not say.
func (t Turn) Learned(otherwise bool) bool {
	if t.Learn != nil {
		return *t.Learn
	}
	return otherwise
}

// Said returns the text of an answer with its tool calls, for layouts that have no other place for them.
func (t Turn) Said() string {
	if t.Calls == "" || strings.Contains(t.Text, t.Calls) {
		return t.Text
	}
	return strings.TrimPrefix(t.Text+"\n"+t.Calls, "\n")
}

// Content joins the text and the input, those that are not empty, by a line break.
func (t Turn) Content() string {
	if t.Text == "" || t.Input == "" {
		return t.Text + t.Input
	}
	return t.Text + "\n" + t.Input
}
