package encode

import (
	"slices"

	"fettle/data/recipe"
	"fettle/internal/validtext"
)

// layout is an encoded conversation before any cut.
type layout struct {
	Example
	prompt int  // tokens of the first segment and of what begins the sequence
	after  int  // tokens that the tokenizer puts behind the text, which no cut removes
	broken int  // tokens before the text with which the recipe's mask begins to fail, see Encoder.unanswered
	fused  bool // a token holds the end of a masked segment and the beginning of a learned one
}

// lay tokenizes segments, with what the tokenizer puts before a text. Neighbours are one
// text for the tokenizer, as in all these systems, unless the second is Apart or a control
// token stands between them.
func (e *Encoder) lay(segments []recipe.Segment) layout {
	var l layout
	before, _ := e.tok.Specials()
	switch end := e.tok.EOS(); {
	case e.recipe.BOS == recipe.NoToken || e.recipe.BOS == recipe.EOSToken && end < 0:
		before = nil
	case e.recipe.BOS == recipe.EOSToken && len(before) > 0:
		before = []int32{end}
	}
	l.add(len(segments) > 0 && segments[0].Learn, before...)
	for i := 0; i < len(segments); {
		j := i + 1
		for j < len(segments) && !segments[j].Apart && !segments[j-1].End {
			j++
		}
		e.run(&l, segments[i:j], i > 0 && segments[i-1].End && !segments[i].Apart)
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

// close appends what the tokenizer puts behind a text, where the recipe's system relies on it: not if the system adds
// its end by itself, nor behind a layout of the model or of the data that ends so already.
func (e *Encoder) close(l *layout, segments []recipe.Segment, given bool) {
	_, after := e.tok.Specials()
	r, n := e.recipe, len(segments)
	own := r.BOS == recipe.NoToken || r.Finish || r.EndIfRoom || r.Dialogue != nil && r.Dialogue.Closing != ""
	ended := n > 0 && segments[n-1].End && slices.Equal(after, []int32{e.tok.EOS()})
	if n == 0 || given && ended || !given && (own || ended && !r.Specials) {
		return
	}
	l.add(segments[n-1].Learn, after...)
	l.after = len(after)
}

// run appends segments that are one text. behind: a control token stands before it, so that
// it does not begin a text.
func (e *Encoder) run(l *layout, segments []recipe.Segment, behind bool) {
	text := ""
	var names []span // where names of control tokens become them
	for i, s := range segments {
		s.Text = validtext.Of(s.Text)
		segments[i].Text = s.Text
		switch n := len(names); {
		case !s.Markup && !e.recipe.Specials:
		case n > 0 && names[n-1].to == len(text):
			names[n-1].to += len(s.Text)
		default:
			names = append(names, span{len(text), len(text) + len(s.Text)})
		}
		text += s.Text
	}
	e.label(l, segments, text, parts{e: e, start: !behind, names: names}.encode)
}

// label appends the tokens of a text and their labels: a token belongs to the
// segment of its first byte. So a token across the end of a prompt is prompt, and
// counting the prompt's own tokens gives the same. A Whole segment is learned with
// all tokens that hold a part of it.
func (e *Encoder) label(l *layout, segments []recipe.Segment, text string, encode encoding) {
	ids, starts, ok := encode(text)
	same := true
	for _, s := range segments {
		same = same && s.Learn == segments[0].Learn
	}
	if same {
		l.add(segments[0].Learn, ids...)
		return
	}
	if !ok {
		starts = counted(segments, ids, encode)
	}
	k, end := 0, len(segments[0].Text)
	for i, id := range ids {
		for k < len(segments)-1 && starts[i] >= end {
			k++
			end += len(segments[k].Text)
			l.fused = l.fused || ok && segments[k].Learn && starts[i] > end-len(segments[k].Text) && !segments[k].Whole
		}
		to := len(text)
		if i+1 < len(ids) {
			to = starts[i+1]
		}
		l.add(segments[k].Learn || ok && reached(segments[k+1:], end, to), id)
	}
}

// reached reports whether a token that ends before byte to holds a part of one of the
// segments, the first of which begins at byte from, and that segment is Whole.
func reached(segments []recipe.Segment, from, to int) bool {
	for _, s := range segments {
		if from >= to {
			return false
		}
		if s.Learn && s.Whole {
			return true
		}
		from += len(s.Text)
	}
	return false
}

// counted returns the byte where the segment of each token begins. It counts the
// tokens of every prefix of the text, for tokenizers that are no Speller.
func counted(segments []recipe.Segment, ids []int32, encode encoding) []int {
	starts, begin, text, from := make([]int, len(ids)), 0, "", 0
	for _, s := range segments {
		text += s.Text
		upTo := len(ids)
		if len(text) > begin {
			prefix, _, _ := encode(text)
			upTo = min(len(prefix), len(ids))
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
