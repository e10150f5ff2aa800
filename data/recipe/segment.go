package recipe

// Segment is a piece of a sequence's text.
type Segment struct {
	Text  string
	Learn bool // its tokens are learned
	Whole bool // of a learned text: every token that holds a part of it is learned, otherwise those that begin in it

	End    bool // EOS follows, learned if the text is
	Apart  bool // tokenized on its own, not as one text with the segment before it
	Markup bool // names of control tokens in Text become the tokens
}
