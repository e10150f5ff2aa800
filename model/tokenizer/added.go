package tokenizer

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxAdded bounds the number of ids beyond the vocabulary.
const maxAdded = 1 << 16

// addedToken is an entry of tokenizer.json's added_tokens or tokenizer_config.json's added_tokens_decoder: text that
// becomes one token before any merge.
type addedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"` // only where no letter, digit or _ is next to it
	LStrip     bool   `json:"lstrip"`      // includes white space before it
	RStrip     bool   `json:"rstrip"`      // includes white space after it
	Normalized bool   `json:"normalized"`  // matched in normalized text
	Special    bool   `json:"special"`     // a control token
}

// place enters the added tokens into the vocabulary, at ids beyond it or over its own, and returns them. Of entries
// with the same id the last one wins; those of the side files come after those of the tokenizer file.
func (t *Tokenizer) place(file []addedToken, beside side) ([]addedToken, error) {
	limit := len(t.pieces) + maxAdded
	at := map[int32]int{}
	var placed []addedToken
	for _, a := range slices.Concat(file, beside.added) {
		a.Special = a.Special || beside.special[a.Content]
		if a.Content == "" {
			continue
		}
		if a.ID < 0 || int(a.ID) > limit {
			return nil, fmt.Errorf("added token %q has id %d, far outside the vocabulary of %d",
				a.Content, a.ID, len(t.pieces))
		}
		for int(a.ID) >= len(t.pieces) {
			t.pieces = append(t.pieces, piece{kind: control})
		}
		p := &t.pieces[a.ID]
		i, again := at[a.ID]
		if again && p.name == placed[i].Content || p.name == "" {
			p.name = a.Content
		}
		if again {
			placed[i] = a
		} else {
			at[a.ID] = len(placed)
			placed = append(placed, a)
		}
		switch {
		case p.kind == unknown || p.name != a.Content: // another name for a piece
		case a.Special:
			p.kind, p.text = control, ""
		case p.kind == control:
			p.kind, p.text = userDefined, a.Content
		default:
			p.text = a.Content
		}
	}
	return placed, nil
}

// seek builds the finders for the added tokens that place returned and for the vocabulary's own control pieces. Text to
// be found in normalized text is normalized itself.
func (t *Tokenizer) seek(placed []addedToken) {
	t.added = map[string]int32{}
	var raw, normalized []addedToken
	for _, a := range placed {
		t.added[a.Content] = a.ID
		if !a.Normalized || t.normalize == nil {
			raw = append(raw, a)
		} else if a.Content = t.normalize(a.Content); a.Content != "" {
			normalized = append(normalized, a)
		}
	}
	for id, p := range t.pieces {
		if _, ok := t.added[p.name]; !ok && p.name != "" && (p.kind == control || p.kind == unknown) {
			t.added[p.name] = int32(id)
			raw = append(raw, addedToken{ID: int32(id), Content: p.name, Special: true})
		}
	}
	t.raw, t.normalized = newFinder(raw), newFinder(normalized)
}

// finder finds added tokens in text.
type finder struct {
	tokens []addedToken // sorted by Content
	first  [256]bool    // first bytes of the tokens
}

// newFinder returns a finder. Of tokens with the same text the last one wins.
func newFinder(tokens []addedToken) finder {
	var f finder
	sort.SliceStable(tokens, func(i, j int) bool { return tokens[i].Content < tokens[j].Content })
	for i, a := range tokens {
		if i+1 < len(tokens) && tokens[i+1].Content == a.Content {
			continue
		}
		f.tokens = append(f.tokens, a)
		f.first[a.Content[0]] = true
	}
	return f
}

// longest returns the longest token that text begins with, or nil. Control tokens match only if special is true.
func (f *finder) longest(text string, special bool) *addedToken {
	var best *addedToken
	// The loop keeps the tokens that share their first k bytes with text.
	tokens := f.tokens
	for k := 0; len(tokens) > 0; k++ {
		if len(tokens[0].Content) == k {
			if special || !tokens[0].Special {
				best = &tokens[0]
			}
			tokens = tokens[1:]
		}
		if k == len(text) {
			break
		}
		tokens = tokens[sort.Search(len(tokens), func(i int) bool { return tokens[i].Content[k] >= text[k] }):]
		tokens = tokens[:sort.Search(len(tokens), func(i int) bool { return tokens[i].Content[k] > text[k] })]
	}
	return best
}

// cut divides text into added tokens, leftmost first and then longest, and the parts between them. It calls yield for
// each from left to right with its offset and its id, or -1 for a part between tokens.
func (f *finder) cut(text string, special bool, yield func(part string, at int, id int32)) {
	done := 0
	for at := 0; at < len(text) && len(f.tokens) > 0; at++ {
		if !f.first[text[at]] {
			continue
		}
		a := f.longest(text[at:], special)
		if a == nil {
			continue
		}
		from, to := at, at+len(a.Content)
		if a.SingleWord && (wordEnds(text[:from]) || wordBegins(text[to:])) {
			at = to - 1
			continue
		}
		if a.LStrip {
			from = done + len(strings.TrimRightFunc(text[done:from], unicode.IsSpace))
		}
		if a.RStrip {
			to = len(text) - len(strings.TrimLeftFunc(text[to:], unicode.IsSpace))
		}
		if done < from {
			yield(text[done:from], done, -1)
		}
		yield(text[from:to], from, a.ID)
		done, at = to, to-1
	}
	if done < len(text) {
		yield(text[done:], done, -1)
	}
}

func wordEnds(text string) bool {
	r, n := utf8.DecodeLastRuneInString(text)
	return n > 0 && isWord(r)
}

func wordBegins(text string) bool {
	r, n := utf8.DecodeRuneInString(text)
	return n > 0 && isWord(r)
}

// isWord reports whether a regular expression's \w matches r.
func isWord(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc,
		unicode.Other_Alphabetic, unicode.Join_Control)
}
