package encode

// Ignore labels a token that is not learned.
const Ignore = -100

// Example is one encoded sequence. Labels are aligned with Tokens and not
// shifted: Labels[t] is Tokens[t] where that token is learned, else Ignore.
type Example struct {
	Tokens []int32
	Labels []int32
	Source string // file:line for messages
}

// Learned counts the tokens the example teaches. The first token has nothing
// before it and is never learned.
func (e Example) Learned() int {
	n := 0
	for i, l := range e.Labels {
		if i > 0 && l != Ignore {
			n++
		}
	}
	return n
}
