package source

import (
	"fmt"
	"strings"

	"fettle/data/recipe"
)

// readKoala reads a record that brings its own layout: "fields" lists the names of
// its fields in order, e.g. "[marker_user+human_0+marker_gpt],gpt_1,<|eos|>". The
// texts of names joined by + have a space between them; those in brackets are not
// learned; every list element is tokenized on its own.
func readKoala(f fields) (recipe.Conversation, error) {
	c := recipe.Conversation{Source: f.Source}
	layout, err := f.text(true, "fields")
	if err != nil {
		return c, err
	}
	for i, field := range strings.Split(layout, ",") {
		s := recipe.Segment{Learn: true, Apart: true}
		if strings.HasPrefix(field, "[") && strings.HasSuffix(field, "]") {
			s.Learn, field = false, field[1:len(field)-1]
		}
		if field == "<|eos|>" {
			if n := len(c.Segments); n > 0 && !c.Segments[n-1].End && c.Segments[n-1].Learn == s.Learn {
				c.Segments[n-1].End = true
			} else {
				s.End = true
				c.Segments = append(c.Segments, s)
			}
			continue
		}
		var texts []string
		if i == 0 {
			texts = append(texts, "BEGINNING OF CONVERSATION:")
		}
		for _, name := range strings.Split(field, "+") {
			text, err := f.text(true, name)
			if err != nil {
				return c, fmt.Errorf("%w, which \"fields\" names", err)
			}
			texts = append(texts, text)
		}
		s.Text = strings.Join(texts, " ")
		c.Segments = append(c.Segments, s)
	}
	c.Segments = append(c.Segments, recipe.Segment{Learn: true, End: true, Apart: true})
	return c, nil
}
