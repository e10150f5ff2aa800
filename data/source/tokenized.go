package source

import (
	"fmt"

	"fettle/data/encode"
)

// readTokenized reads {"input_ids", "labels"}. Without labels every token is
// learned.
func readTokenized(f fields) (encode.Example, error) {
	e := encode.Example{Source: f.Source}
	for _, field := range []struct {
		key  string
		into *[]int32
	}{{"input_ids", &e.Tokens}, {"labels", &e.Labels}} {
		if _, err := f.into(field.key, "a list of token ids", field.into); err != nil {
			return e, err
		}
	}
	switch {
	case len(e.Tokens) == 0:
		return e, f.errorf("no %q", "input_ids")
	case e.Labels == nil:
		e.Labels = append([]int32(nil), e.Tokens...)
	case len(e.Labels) != len(e.Tokens):
		return e, fmt.Errorf("read %s: %d labels for %d input_ids", f.Source, len(e.Labels), len(e.Tokens))
	}
	for i, l := range e.Labels {
		if l != encode.Ignore && l != e.Tokens[i] {
			return e, fmt.Errorf("read %s: label %d at %d is neither the token %d nor %d; labels are not shifted",
				f.Source, l, i, e.Tokens[i], encode.Ignore)
		}
	}
	return e, nil
}
