package encode

import "fettle/data/recipe"

// layout is an encoded conversation before any cut.
type layout struct {
	Example
	prompt int  // tokens of the first segment and of what begins the sequence
	fused  bool // a token holds the end of a masked segment and the beginning of a learned one
}

// lay tokenizes segments. Neighbours are one text for the tokenizer, as in all
// these systems, unless the second is Apart or a control token stands between them.
func (e *Encoder) lay(segments []recipe.Segment) layout {
	var l layout
	first := e.tok.BOS()
	switch e.recipe.BOS {
	case recipe.EOSToken:
		first = e.tok.EOS()
	case recipe.NoToken:
		first = -1
	}
	if first >= 0 {
		l.add(len(segments) > 0 && segments[0].Learn, first)
	}
	for i := 0; i < len(segments); {
		j := i + 1
		for j < len(segments) && !segments[j].Apart && !segments[j-1].End {
			j++
		}
		after := i > 0 && segments[i-1].End && !segments[i].Apart
		e.run(&l, segments[i:j], after && e.recipe.Joined)
		if i == 0 {
			l.prompt = len(l.Tokens)
		}
		if s := segments[j-1]; s.End && e.tok.EOS() >= 0 {
			l.add(s.Learn, e.tok.EOS())
		}
		i = j
	}
	return l
}

// run appends segments that are one text. joined: the text follows a control token
// without the space that begins a text.
func (e *Encoder) run(l *layout, segments []recipe.Segment, joined bool) {
	text, markup := "", false
	for _, s := range segments {
		text += s.Text
		markup = markup || s.Markup
	}
	if markup && !e.recipe.Specials {
		e.markup(l, segments)
		return
	}
	encode := e.text
	if joined {
		encode = e.continued
	}
	e.label(l, segments, text, encode)
}

// label appends the tokens of a text and their labels: a token belongs to the
// segment of its first byte. So a token across the end of a prompt is prompt, and
// counting the prompt's own tokens gives the same.
func (e *Encoder) label(l *layout, segments []recipe.Segment, text string, encode func(string) []int32) {
	ids, same := encode(text), true
	for _, s := range segments {
		same = same && s.Learn == segments[0].Learn
	}
	if same {
		l.add(segments[0].Learn, ids...)
		return
	}
	starts, ok := e.starts(text, ids)
	if !ok {
		starts = counted(segments, ids, encode)
	}
	k, end := 0, len(segments[0].Text)
	for i, id := range ids {
		for k < len(segments)-1 && starts[i] >= end {
			k++
			end += len(segments[k].Text)
			l.fused = l.fused || ok && segments[k].Learn && starts[i] > end-len(segments[k].Text)
		}
		l.add(segments[k].Learn, id)
	}
}

// counted returns the byte where the segment of each token begins. It counts the
// tokens of every prefix of the text, for tokenizers that are no Speller.
func counted(segments []recipe.Segment, ids []int32, encode func(string) []int32) []int {
	starts, begin, text, from := make([]int, len(ids)), 0, "", 0
	for _, s := range segments {
		text += s.Text
		upTo := len(ids)
		if len(text) > begin {
			upTo = min(len(encode(text)), len(ids))
		}
		for i := from; i < upTo; i++ {
			starts[i] = begin
		}
		from, begin = max(from, upTo), len(text)
	}
	for i := from; i < len(ids); i++ {
		starts[i] = begin
	}
	return starts
}

// add appends tokens with their labels.
func (l *layout) add(learn bool, ids ...int32) {
	l.Tokens = append(l.Tokens, ids...)
	for _, id := range ids {
		if !learn {
			id = Ignore
		}
		l.Labels = append(l.Labels, id)
	}
}

// markup appends segments some of which name control tokens. The text between two
// control tokens is one text for the tokenizer.
func (e *Encoder) markup(l *layout, segments []recipe.Segment) {
	var parts []recipe.Segment
	flush := func() {
		text := ""
		for _, s := range parts {
			text += s.Text
		}
		if text != "" {
			e.label(l, parts, text, e.tok.Encode)
		}
		parts = nil
	}
	for _, s := range segments {
		for s.Markup {
			at, name := NextControl(s.Text, e.controls().Names)
			if at < 0 {
				break
			}
			parts = append(parts, recipe.Segment{Text: s.Text[:at], Learn: s.Learn})
			flush()
			l.add(s.Learn, e.controls().IDs[name])
			s.Text = s.Text[at+len(name):]
		}
		parts = append(parts, recipe.Segment{Text: s.Text, Learn: s.Learn})
	}
	flush()
}
