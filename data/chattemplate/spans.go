package chattemplate

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"fettle/data/encode"
	"fettle/data/recipe"
	"fettle/internal/jinja"
)

// span is a range of bytes of a rendering.
type span struct {
	from, to int
	whole    bool // every token that holds a part of it is learned
}

// extent returns the spans that a template prints for a turn: whole, and own, from
// the first to the last byte of the turn's own text. They are empty if there are
// none. pieces counts the parts that the template prints for the turn, those of space
// alone excepted.
func extent(out jinja.Text, id int32) (whole, own span, pieces int) {
	var piece span
	at := 0
	finish := func() {
		if strings.TrimSpace(out.String()[piece.from:piece.to]) != "" {
			whole = piece
			pieces++
		}
		piece = span{}
	}
	for _, r := range out.Runs() {
		switch {
		case r.Within != id:
			finish()
		case piece.to == 0:
			piece.from = at
			fallthrough
		default:
			piece.to = r.End
		}
		if r.From == id && (r.Within == id || r.Within == 0) {
			if own.to == 0 {
				own.from = at
			}
			own.to = r.End
		}
		at = r.End
	}
	finish()
	return whole, own, pieces
}

// ownText returns the text of an id in a rendering.
func ownText(out jinja.Text, id int32) string {
	var b strings.Builder
	at := 0
	for _, r := range out.Runs() {
		if r.From == id {
			b.WriteString(out.String()[at:r.End])
		}
		at = r.End
	}
	return b.String()
}

// learned returns the learned spans of a rendering, in order.
func (l *layout) learned(c recipe.Conversation, out jinja.Text) ([]span, error) {
	if s, ok := l.completion(c, out); ok {
		return []span{s}, nil
	}
	var list []span
	marks, at := false, 0
	masked := slices.ContainsFunc(c.Turns, func(t recipe.Turn) bool { return !t.Learned(true) })
	for _, at := range out.Empty() {
		if marks = true; !masked { // a token around it is learned, as in transformers
			list = append(list, span{at, at, true})
		}
	}
	for _, r := range out.Runs() {
		if i := int(r.Within) - 1; r.Generated && (i < 0 || i >= len(c.Turns) || c.Turns[i].Learned(true)) {
			list = append(list, span{at, r.End, true})
		}
		if i := int(r.From) - 1; i >= 0 && c.Turns[i].Role != recipe.Assistant && c.Turns[i].Learned(false) {
			list = append(list, span{from: at, to: r.End})
		}
		marks = marks || r.Generated
		at = r.End
	}
	for i, t := range c.Turns {
		if marks || t.Role != recipe.Assistant || !t.Learned(true) {
			continue
		}
		s, err := l.answer(c, i, out)
		if err != nil {
			return nil, err
		}
		s.whole = c.Given > 0
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b span) int { return a.from - b.from })
	return list, nil
}

// completion returns the text behind the prompt of a record of prompt and completion,
// if that text is the assistant's alone: from where the text with the completion differs
// from the prompt with its generation prompt, as TRL learns it, whatever {% generation %}
// marks, and with what the template prints behind the last answer.
func (l *layout) completion(c recipe.Conversation, out jinja.Text) (span, bool) {
	if c.Given == 0 || c.Given >= len(c.Turns) {
		return span{}, false
	}
	for i, t := range c.Turns {
		if answer := i >= c.Given; t.Learned(answer) != answer || answer && t.Role != recipe.Assistant {
			return span{}, false
		}
	}
	prompt, err := l.render(c, c.Given, true)
	if err != nil {
		return span{}, false
	}
	text, from := out.String(), 0
	for from < min(len(text), len(prompt.String())) && text[from] == prompt.String()[from] {
		from++
	}
	for _, r := range out.Runs() {
		if given := r.From != 0 && r.From <= turnID(c.Given-1); given && r.End > from {
			return span{}, false
		}
	}
	for from > 0 && !utf8.RuneStart((text + "a")[from]) {
		from--
	}
	return span{from, len(text), true}, true
}

// answer returns the learned span of turn i: the text that the template prints
// for it, from the end of the generation prompt to the end of the turn.
func (l *layout) answer(c recipe.Conversation, i int, out jinja.Text) (span, error) {
	whole, own, pieces := extent(out, turnID(i))
	prompt, err := l.render(c, i, true)
	supplied := err == nil && strings.HasPrefix(out.String(), prompt.String())
	if pieces > 1 {
		return span{}, fmt.Errorf("cannot tell which part of the text is turn %d: it is printed in pieces", i+1)
	}
	if whole.to == 0 {
		after, err := l.render(c, i+1, false)
		if !supplied || err != nil || !strings.HasPrefix(out.String(), after.String()) {
			return span{}, fmt.Errorf("cannot tell which part of the text is turn %d: "+
				"it is not printed in a loop over the messages", i+1)
		}
		whole = span{from: len(prompt.String()), to: len(after.String())}
	}
	s := span{from: whole.from, to: ending(out, whole)}
	switch {
	case supplied && len(prompt.String()) >= whole.from && len(prompt.String()) <= whole.to:
		s.from = len(prompt.String())
	case err == nil:
		from, ok := l.behind(out.String()[whole.from:whole.to], generationPrompt(prompt))
		if ok {
			s.from += from
		} else if own.to > 0 && c.Turns[i].Calls == "" {
			s.from = own.from
		} else if from > 0 {
			s.from += from
		} else {
			return span{}, fmt.Errorf("cannot tell where the answer of turn %d begins", i+1)
		}
	case own.to > 0 && c.Turns[i].Calls == "": // no generation prompt, as before the first question
		s.from = own.from
	default:
		return span{}, fmt.Errorf("cannot tell where the answer of turn %d begins: %w", i+1, err)
	}
	s.to = max(s.to, s.from)
	return s, nil
}

// generationPrompt returns the end of a rendering with a generation prompt: the text
// behind the last message.
func generationPrompt(prompt jinja.Text) string {
	end, at := 0, 0
	for _, r := range prompt.Runs() {
		if at = r.End; r.Within != 0 {
			end = at
		}
	}
	return prompt.String()[end:]
}

// behind returns the length of the generation prompt at the beginning of a turn: ok
// if the turn begins with an end of the prompt. Otherwise n counts the bytes with
// which both begin, in whole control tokens.
func (l *layout) behind(turn, generationPrompt string) (n int, ok bool) {
	if generationPrompt == "" {
		return 0, true
	}
	for n < min(len(turn), len(generationPrompt)) && turn[n] == generationPrompt[n] {
		n++
	}
	for k := min(len(turn), len(generationPrompt)); k >= max(n, 1); k-- {
		if turn[:k] == generationPrompt[len(generationPrompt)-k:] {
			return k, true
		}
	}
	for at := 0; ; {
		i, name := encode.NextControl(turn[at:], l.controls)
		if i < 0 || at+i >= n {
			return n, false
		}
		if at += i; at+len(name) > n {
			return at, false
		}
		at += len(name)
	}
}

// ending returns the end of a turn, without the space that a template prints behind
// its last word.
func ending(out jinja.Text, turn span) int {
	text, end := out.String(), turn.to
	runs := out.Runs()
	for i := len(runs) - 1; i >= 0; i-- {
		from := 0
		if i > 0 {
			from = runs[i-1].End
		}
		if from >= end {
			continue
		}
		if runs[i].From != 0 {
			return end
		}
		from = max(from, turn.from)
		if end = from + len(strings.TrimRightFunc(text[from:end], unicode.IsSpace)); end > from {
			return end
		}
		if from == turn.from {
			return end
		}
	}
	return end
}

// cut cuts a rendering where the author or the learning changes.
func cut(out jinja.Text, learned []span) []recipe.Segment {
	var list []recipe.Segment
	put := func(s recipe.Segment) {
		n := len(list)
		if n > 0 && list[n-1].Learn == s.Learn && list[n-1].Whole == s.Whole && list[n-1].Markup == s.Markup {
			list[n-1].Text += s.Text
		} else if s.Text != "" || s.Whole {
			list = append(list, s)
		}
	}
	at := 0
	for _, r := range out.Runs() {
		for at < r.End {
			for len(learned) > 0 && learned[0].to <= at {
				if s := learned[0]; s.from == at {
					put(recipe.Segment{Learn: true, Whole: true})
				}
				learned = learned[1:]
			}
			to, learn, whole := r.End, false, false
			if len(learned) > 0 {
				if learn = learned[0].from <= at; learn {
					to, whole = min(to, learned[0].to), learned[0].whole
				} else {
					to = min(to, learned[0].from)
				}
			}
			put(recipe.Segment{Text: out.String()[at:to], Learn: learn, Whole: whole, Markup: r.From == 0})
			at = to
		}
	}
	return list
}
