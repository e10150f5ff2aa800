package source

import "fettle/data/recipe"

// readText reads {"text"}: a text that is learned whole.
func readText(f fields) (recipe.Conversation, error) {
	text, err := f.text(true, "text")
	return recipe.Conversation{Segments: []recipe.Segment{{Text: text, Learn: true, End: true}}, Source: f.Source}, err
}

// readSegments reads {"segments": [{"text", "label"}]}: a record that brings its
// own layout.
func readSegments(f fields) (recipe.Conversation, error) {
	c := recipe.Conversation{Source: f.Source}
	var list []struct {
		Text  string
		Label bool
	}
	if _, err := f.into("segments", `a list of {"text", "label"}`, &list); err != nil {
		return c, err
	}
	if len(list) == 0 {
		return c, f.errorf("%q is empty", "segments")
	}
	for _, s := range list {
		c.Segments = append(c.Segments, recipe.Segment{Text: s.Text, Learn: s.Label})
	}
	c.Segments[len(c.Segments)-1].End = true
	return c, nil
}

// readBaize reads {"topic", "input"}: the whole training text.
func readBaize(f fields) (recipe.Conversation, error) {
	f.mark("topic")
	text, err := f.text(true, "input")
	return recipe.Conversation{Segments: []recipe.Segment{{Text: text, Learn: true, End: true}}, Source: f.Source}, err
}
