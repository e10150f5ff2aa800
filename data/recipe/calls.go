package recipe

import (
	"encoding/json"
	"fmt"
)

// Call is a tool call, in the two spellings of data sets.
type Call struct {
	ID        string
	Name      string
	Arguments json.RawMessage
	Function  *struct {
		Name      string
		Arguments json.RawMessage
	}
}

// ParseCalls decodes the tool calls of a turn: one, or a list.
func ParseCalls(text string) ([]Call, error) {
	var calls []Call
	err := json.Unmarshal([]byte(text), &calls)
	if err != nil {
		var one Call
		if json.Unmarshal([]byte(text), &one) != nil {
			return nil, fmt.Errorf("tool call: %w", err)
		}
		calls = []Call{one}
	}
	for i, c := range calls {
		if c.Function != nil {
			calls[i].Name, calls[i].Arguments = c.Function.Name, c.Function.Arguments
		}
		if calls[i].Name == "" {
			return nil, fmt.Errorf("tool call %d has no \"name\"", i+1)
		}
	}
	return calls, nil
}

// IsCall reports whether a text holds tool calls.
func IsCall(text string) bool {
	calls, err := ParseCalls(text)
	return err == nil && len(calls) > 0
}
