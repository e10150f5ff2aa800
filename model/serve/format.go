package serve

import (
	"encoding/json"
	"fmt"
)

// json decodes response_format and reports whether the answer is to be a JSON object.
func (b *body) json() (bool, error) {
	if len(b.ResponseFormat) == 0 {
		return false, nil
	}
	const name = "response_format"
	var format map[string]json.RawMessage
	var kind string
	if json.Unmarshal(b.ResponseFormat, &format) != nil || json.Unmarshal(format["type"], &kind) != nil {
		return false, Wrong{name, fmt.Sprintf(`response_format is %s, want {"type": "json_object"}`, short(b.ResponseFormat))}
	}
	switch {
	case kind != "text" && kind != "json_object":
		return false, Wrong{name, fmt.Sprintf("response_format is of type %q: answers can be held to a JSON object, "+
			"json_object, but to no form of it", kind)}
	case len(format) > 1:
		return false, Wrong{name, fmt.Sprintf("response_format is %s: type %s has no other fields", short(b.ResponseFormat),
			kind)}
	}
	return kind == "json_object", nil
}
