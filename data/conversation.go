package data

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

// Role is who speaks.
type Role string

// The roles.
const (
	User      Role = "user"
	Assistant Role = "assistant"
	System    Role = "system"
	Tool      Role = "tool" // what a tool answered; laid out as the user's unless a template knows better
)

// roles maps what data sets call the speakers.
var roles = map[string]Role{
	"user": User, "human": User, "prompter": User, "utilisateur": User, "instruction": User,
	"assistant": Assistant, "gpt": Assistant, "bot": Assistant, "chatgpt": Assistant, "bing": Assistant, "bard": Assistant,
	"model": Assistant, "assistante": Assistant, "function_call": Assistant, "output": Assistant,
	"system": System, "developer": System,
	"tool": Tool, "function": Tool, "observation": Tool, "ipython": Tool, "environment": Tool, "tool_response": Tool,
}

// roleOf is the role that a name means, "" for an unknown one.
func roleOf(name string) Role { return roles[strings.ToLower(strings.TrimSpace(name))] }

// asks reports whether a turn is something to answer.
func (t Turn) asks() bool { return t.Role == User || t.Role == Tool }

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
