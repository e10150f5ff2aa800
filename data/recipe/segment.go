package recipe

// Segment is a piece of a sequence's text.
type Segment struct {
	Text  string
	Learn bool // its tokens are learned

	End    bool // EOS follows, learned if the text is
	Apart  bool // tokenized on its own, not as one text with the segment before it
	Markup bool // names of control tokens in Text become the tokens
}
