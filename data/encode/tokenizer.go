package encode

// Tokenizer is what encoding needs. model/tokenizer's type satisfies it.
type Tokenizer interface {
	// Encode returns the ids of plain text: no BOS or EOS is added and text
	// never becomes a control token.
	Encode(text string) []int32

	// EncodeSpecial is Encode, except that the texts of control tokens become
	// them.
	EncodeSpecial(text string) []int32

	Decode(ids []int32) string
	BOS() int32
	EOS() int32
}

// Speller is what a tokenizer has, beyond Tokenizer, that can tell how its
// vocabulary spells a token. model/tokenizer's type has it.
type Speller interface {
	Piece(id int32) string
	Control(id int32) bool
	Size() int
}
