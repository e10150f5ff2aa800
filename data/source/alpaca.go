package source

import (
	"encoding/json"
	"fmt"

	"fettle/data/recipe"
)

// readAlpaca reads {"instruction", "input", "output"}; input may be missing, and
// "system" and "history" [[question, answer], …] may be there. Of self-instruct's
// "instances" [{"input", "output"}] it reads the first.
func readAlpaca(f fields) (recipe.Conversation, error) {
	c := recipe.Conversation{Source: f.Source}
	var instances []map[string]json.RawMessage
	if !f.has("output") && !f.has("response") {
		if ok, err := f.into("instances", "a list of objects", &instances); err != nil {
			return c, err
		} else if ok && len(instances) > 0 {
			instances[0]["instruction"], _ = f.raw("instruction")
			f = fields{Row{instances[0], f.Source}, nil}
		}
	}
	var texts [4]string
	for i, key := range [][]string{{"instruction"}, {"input"}, {"output", "response"}, {"system"}} {
		var err error
		if texts[i], err = f.text(i == 0 || i == 2, key...); err != nil {
			return c, err
		}
	}
	var history [][]string
	if _, err := f.into("history", "a list of [question, answer]", &history); err != nil {
		return c, err
	}
	for _, pair := range history {
		if len(pair) != 2 {
			return c, fmt.Errorf("read %s: \"history\" has %d texts in a turn, want [question, answer]",
				f.Source, len(pair))
		}
		c.Turns = append(c.Turns,
			recipe.Turn{Role: recipe.User, Text: pair[0]}, recipe.Turn{Role: recipe.Assistant, Text: pair[1]})
	}
	c.System = texts[3]
	c.Turns = append(c.Turns,
		recipe.Turn{Role: recipe.User, Text: texts[0], Input: texts[1]},
		recipe.Turn{Role: recipe.Assistant, Text: texts[2]})
	return c, nil
}
