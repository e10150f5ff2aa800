package tokenizer

import (
	"encoding/json"
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
	ID         int32
	Content    string
	SingleWord bool // only where no letter, digit or _ is next to it
	LStrip     bool // includes white space before it
	RStrip     bool // includes white space after it
	Normalized bool // matched in normalized text
	Special    bool // a control token
	shaped     bool // named by a side file with its flags
}

// UnmarshalJSON reads an entry. One that does not say whether it is special is so if it is spelled as control tokens
// are, and one that does not say whether it is matched in normalized text is so unless it says that it is special.
func (a *addedToken) UnmarshalJSON(text []byte) error {
	var f struct {
		ID         int32  `json:"id"`
		Content    string `json:"content"`
		SingleWord bool   `json:"single_word"`
		LStrip     bool   `json:"lstrip"`
		RStrip     bool   `json:"rstrip"`
		Normalized *bool  `json:"normalized"`
		Special    *bool  `json:"special"`
	}
	if err := json.Unmarshal(text, &f); err != nil {
		return err
	}
	*a = addedToken{ID: f.ID, Content: f.Content, SingleWord: f.SingleWord, LStrip: f.LStrip, RStrip: f.RStrip}
	a.Special = f.Special == nil && spelledAsControl(f.Content) || f.Special != nil && *f.Special
	plain := f.Special == nil || !*f.Special
	a.Normalized = f.Normalized == nil && plain || f.Normalized != nil && *f.Normalized
	return nil
}

// spelledAsControl reports whether a text has the form of "<|im_end|>".
func spelledAsControl(text string) bool {
	return strings.HasPrefix(text, "<|") && strings.HasSuffix(text, "|>")
}

// place enters the added tokens into the vocabulary, at ids beyond it or over its own, and returns them. Of entries
// with the same id the last one wins; those of the side files come after those of the tokenizer file. A token that is
// only named gets the id of its text, and a new one if the vocabulary lacks it.
func (t *Tokenizer) place(file []addedToken, beside side) ([]addedToken, error) {
	t.own = len(t.pieces)
	limit := len(t.pieces) + maxAdded
	p := placing{t: t, at: map[int32]int{}}
	ids, texts := map[int32]bool{}, map[string]bool{}
	for _, a := range file {
		ids[a.ID], texts[a.Content] = true, true
	}
	// The flags of a token that a side file names replace those of another list, if that one is not the whole.
	ruling := file
	if beside.whole {
		ruling = beside.added
	}
	declared := map[string]bool{}
	for _, a := range ruling {
		declared[a.Content] = declared[a.Content] || a.ID != nameless
	}
	for i, a := range slices.Concat(file, beside.added) {
		a.Special = a.Special || beside.special[a.Content]
		// added_tokens.json adds to tokenizer.json what that lacks.
		repeats := ids[a.ID] || texts[a.Content]
		if a.Content == "" || i >= len(file) && !beside.whole && a.ID != nameless && repeats {
			continue
		}
		if a.ID == nameless && i >= len(file) {
			known := false
			if a.ID, known = p.find(a.Content); known && (!a.shaped || declared[a.Content]) {
				p.placed[p.at[a.ID]].Special = true
				continue
			}
			if known { // where a token is matched stays as it was, in the tokenizers library too
				a.Normalized = p.placed[p.at[a.ID]].Normalized
			}
		}
		if a.ID < 0 || int(a.ID) > limit {
			return nil, fmt.Errorf("added token %q has id %d, far outside the vocabulary of %d",
				a.Content, a.ID, len(t.pieces))
		}
		p.place(a)
	}
	for t.own > 0 && (p.has(int32(t.own-1)) || t.pieces[t.own-1].name == "") {
		t.own--
	}
	t.placed = p.placed
	return p.placed, nil
}

// placing holds the added tokens that are in the vocabulary so far.
type placing struct {
	t      *Tokenizer
	placed []addedToken
	at     map[int32]int // indices of placed by id

	// Of the tokens placed, and of the other pieces, ids by their texts, the first of equal ones. Nil until find is
	// called: behind tokens that are only named, all are.
	texts, others map[string]int32
}

func (p *placing) has(id int32) bool {
	_, ok := p.at[id]
	return ok
}

// find returns the id of an added token's text, and whether it has been placed; a new id if the vocabulary lacks it.
func (p *placing) find(text string) (id int32, placed bool) {
	if p.texts == nil {
		p.texts, p.others = map[string]int32{}, map[string]int32{}
		for _, a := range slices.Backward(p.placed) {
			p.texts[a.Content] = a.ID
		}
		for id, piece := range slices.Backward(p.t.pieces) {
			if !p.has(int32(id)) {
				p.others[piece.name] = int32(id)
			}
		}
	}
	if id, ok := p.texts[text]; ok {
		return id, true
	}
	if id, ok := p.others[text]; ok {
		return id, false
	}
	return int32(len(p.t.pieces)), false
}

// place enters one token.
func (p *placing) place(a addedToken) {
	t := p.t
	for int(a.ID) >= len(t.pieces) {
		t.pieces = append(t.pieces, piece{kind: control})
	}
	q := &t.pieces[a.ID]
	a.Special = a.Special || q.kind == control && q.name == a.Content
	i, again := p.at[a.ID]
	if again && q.name == p.placed[i].Content || q.name == "" {
		q.name = a.Content
	}
	if again {
		p.placed[i] = a
	} else {
		p.at[a.ID] = len(p.placed)
		p.placed = append(p.placed, a)
		if p.texts != nil {
			p.texts[a.Content] = a.ID
		}
	}
	switch {
	case q.kind == unknown || q.name != a.Content: // another name for a piece
	case a.Special:
		q.kind, q.text = control, ""
	case q.kind == control:
		q.kind, q.text = userDefined, a.Content
	default:
		q.text = a.Content
	}
}

// seek builds the finders for the added tokens that place returned and for the vocabulary's own control pieces. Text to
// be found in normalized text is normalized itself.
func (t *Tokenizer) seek(placed []addedToken) {
	t.added, t.late = map[string]int32{}, map[string]string{}
	var raw, normalized []addedToken
	for _, a := range placed {
		t.added[a.Content] = a.ID
		if !a.Normalized {
			raw = append(raw, a)
			continue
		}
		name := a.Content
		if t.normalize != nil {
			a.Content = t.normalize(name)
		}
		if a.Special {
			if _, ok := t.late[a.Content]; !ok {
				t.late[a.Content] = name
			}
		}
		if a.Content != "" {
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

// permit reports whether text[from:to] may become a control token.
type permit func(from, to int) bool

// always and never permit all control tokens and none.
func always(int, int) bool { return true }
func never(int, int) bool  { return false }

// longest returns the longest token that text[at:] begins with, or nil.
func (f *finder) longest(text string, at int, special permit) *addedToken {
	begin := at
	text = text[at:]
	var best *addedToken
	// The loop keeps the tokens that share their first k bytes with text.
	tokens := f.tokens
	for k := 0; len(tokens) > 0; k++ {
		if len(tokens[0].Content) == k {
			if !tokens[0].Special || special(begin, begin+k) {
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
func (f *finder) cut(text string, special permit, yield func(part string, at int, id int32)) {
	done := 0
	for at := 0; at < len(text) && len(f.tokens) > 0; at++ {
		if !f.first[text[at]] {
			continue
		}
		a := f.longest(text, at, special)
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
