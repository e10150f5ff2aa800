package source

import (
	"encoding/json"
	"slices"

	"fettle/data/encode"
)

// lossMasks are fields of a row without labels that say of every token whether it is learned, as TRL writes them.
var lossMasks = []string{"completion_mask", "assistant_masks", "loss_mask"}

// readTokenized reads {"input_ids", "labels"}. Without labels every token is learned that no mask takes out. Padding,
// where attention_mask is 0, is left out.
func readTokenized(f fields) (encode.Example, error) {
	e := encode.Example{Source: f.Source}
	if _, err := f.into("input_ids", "a list of token ids", &e.Tokens); err != nil {
		return e, err
	}
	if len(e.Tokens) == 0 {
		return e, f.errorf("no %q", "input_ids")
	}
	if ok, err := f.into("labels", "a list of token ids", &e.Labels); err != nil {
		return e, err
	} else if !ok {
		e.Labels = slices.Clone(e.Tokens)
		if err := f.maskLabels(e.Labels); err != nil {
			return e, err
		}
	}
	if len(e.Labels) != len(e.Tokens) {
		return e, f.errorf("%d labels for %d input_ids", len(e.Labels), len(e.Tokens))
	}
	for i, l := range e.Labels {
		if l != encode.Ignore && l != e.Tokens[i] {
			return e, f.errorf("label %d at %d is neither the token %d nor %d; labels are not shifted", l, i, e.Tokens[i],
				encode.Ignore)
		}
	}
	if err := f.oneSequence(len(e.Tokens)); err != nil {
		return e, err
	}
	return e, f.cutPadding(&e)
}

// maskLabels takes the tokens out of the labels at which a mask is 0.
func (f fields) maskLabels(labels []int32) error {
	for _, name := range lossMasks {
		mask, err := f.mask(name, len(labels))
		if err != nil {
			return err
		}
		for i, learned := range mask {
			if !learned {
				labels[i] = encode.Ignore
			}
		}
	}
	return nil
}

// mask returns a list of n numbers or truth values, nil if the row has none.
func (f fields) mask(name string, n int) ([]bool, error) {
	var list []json.RawMessage
	if ok, err := f.into(name, "a list of 0 and 1", &list); err != nil || !ok {
		return nil, err
	}
	if len(list) != n {
		return nil, f.errorf("%q has %d numbers for %d input_ids", name, len(list), n)
	}
	mask := make([]bool, n)
	for i, raw := range list {
		switch string(raw) {
		case "1", "1.0", "true":
			mask[i] = true
		case "0", "0.0", "false":
		default:
			return nil, f.errorf("%q has %.20s at %d, want 0 or 1", name, raw, i)
		}
	}
	return mask, nil
}

// oneSequence returns an error if position_ids begin again within the row: it holds several sequences, which would see
// each other.
func (f fields) oneSequence(n int) error {
	var positions []int
	if ok, err := f.into("position_ids", "a list of positions", &positions); err != nil || !ok {
		return err
	}
	for i := 1; i < len(positions); i++ {
		if positions[i] == 0 && positions[i-1] > 0 {
			return f.errorf("%q begins again at token %d of %d: give each sequence a row of its own", "position_ids", i, n)
		}
	}
	return nil
}

// cutPadding removes the tokens at the beginning and at the end at which attention_mask is 0. It fails if there are
// others.
func (f fields) cutPadding(e *encode.Example) error {
	mask, err := f.mask("attention_mask", len(e.Tokens))
	if err != nil || mask == nil {
		return err
	}
	from, to := slices.Index(mask, true), len(mask)
	if from < 0 {
		return f.errorf("%q is 0 at every token", "attention_mask")
	}
	for !mask[to-1] {
		to--
	}
	if at := slices.Index(mask[from:to], false); at >= 0 {
		return f.errorf("%q is 0 at %d, between tokens where it is 1: padding stands at an end", "attention_mask", from+at)
	}
	e.Tokens, e.Labels = e.Tokens[from:to], e.Labels[from:to]
	return nil
}
