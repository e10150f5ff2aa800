package encode

// Tokenizer turns text into token ids and back. model/tokenizer has one.
type Tokenizer interface {
	// Encode returns the ids of plain text, without BOS and EOS. No text becomes a
	// control token.
	Encode(text string) []int32

	// EncodeSpecial is Encode, except that names of control tokens become them.
	EncodeSpecial(text string) []int32

	// Parts encodes valid UTF-8 part by part: tokens that were added to the vocabulary, and
	// what stands between them. It calls yield with each part, text[from:to], and its tokens.
	// start is true for the beginning of a text, false for text behind a control token.
	// Names of control tokens become them where special permits it.
	Parts(text string, start bool, special func(from, to int) bool, yield func(from, to int, ids []int32))

	// Specials returns the tokens that the tokenizer puts before and after a whole text.
	// A tokenizer that has a BOS need not add it.
	Specials() (before, after []int32)

	Decode(ids []int32) string
	BOS() int32 // -1 if there is none
	EOS() int32 // -1 if there is none
}

// Speller is a Tokenizer whose vocabulary can be read. model/tokenizer's is one.
type Speller interface {
	Piece(id int32) string // the spelling of a token
	Control(id int32) bool // whether it is a control token
	Size() int             // ids are below
}
