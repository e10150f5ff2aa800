package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// repeated returns the first field of a JSON value that its object has twice, as in messages[0].content, or "". JSON
// leaves open which of the two counts. place is where the value stands.
func repeated(d *json.Decoder, place string) string {
	token, err := d.Token()
	open, ok := token.(json.Delim)
	if err != nil || !ok {
		return ""
	}
	seen := map[string]bool{}
	for i := 0; d.More(); i++ {
		inside := fmt.Sprintf("%s[%d]", place, i)
		if open == '{' {
			key, err := d.Token()
			if err != nil {
				return ""
			}
			name := fmt.Sprint(key)
			if inside = name; place != "" {
				inside = place + "." + name
			}
			if seen[name] {
				return inside
			}
			seen[name] = true
		}
		if field := repeated(d, inside); field != "" {
			return field
		}
	}
	d.Token() // the end of the object or list
	return ""
}

// holdsNull reports whether a JSON value is or has a null.
func holdsNull(raw json.RawMessage) bool {
	for d := json.NewDecoder(bytes.NewReader(raw)); ; {
		token, err := d.Token()
		if err != nil || token == nil {
			return err == nil
		}
	}
}
