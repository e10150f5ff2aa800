package encode

import (
	"strings"

	"fettle/data/recipe"
)

// unanswered returns the number of tokens before the first piece of text between two
// ends that does not hold the recipe's AnswerMark exactly once; unlimited if there is
// none. FastChat stops counting there, and masks the conversation if that is before the
// cutoff. It does not take turns out of order, so these are not judged.
func (e *Encoder) unanswered(c recipe.Conversation, segments []recipe.Segment, tokens []int32) int {
	if e.recipe.AnswerMark == "" || len(c.Segments) > 0 || !alternates(c.Turns) {
		return unlimited
	}
	end := "</s>"
	if s, ok := e.tok.(Speller); ok && e.tok.EOS() >= 0 {
		end = s.Piece(e.tok.EOS())
	}
	at := 0
	pieces := e.pieces(segments, end)
	for i, piece := range pieces {
		if i > 0 && i == len(pieces)-1 && piece == "" {
			return unlimited
		}
		if strings.Count(piece, e.recipe.AnswerMark) != 1 {
			return at
		}
		for at < len(tokens) {
			if at++; tokens[at-1] == e.tok.EOS() && at > 1 {
				break
			}
		}
	}
	return len(tokens) + 1 // it counts an end that is not there
}

// pieces cuts the text of segments at their ends and, if names of control tokens in it
// become the tokens, at the name of the end.
func (e *Encoder) pieces(segments []recipe.Segment, end string) []string {
	pieces := []string{""}
	for _, s := range segments {
		parts := []string{s.Text}
		if e.recipe.Specials {
			parts = strings.Split(s.Text, end)
		}
		if s.End {
			parts = append(parts, "")
		}
		pieces[len(pieces)-1] += parts[0]
		pieces = append(pieces, parts[1:]...)
	}
	return pieces
}

// alternates reports whether questions and answers take turns, a leading answer aside.
func alternates(turns []recipe.Turn) bool {
	for i := 1; i < len(turns); i++ {
		if turns[i].Asks() == turns[i-1].Asks() {
			return false
		}
	}
	return true
}
