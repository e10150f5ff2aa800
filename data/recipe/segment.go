package recipe

// Segment is a piece of what the model sees, and whether it is learned.
type Segment struct {
	Text  string
	Learn bool

	End    bool // the control token that ends a sequence follows, learned as the text is
	Apart  bool // tokenized on its own, not as one text with the segment before
	Markup bool // the names of control tokens in Text become them
}
