package lint

import (
	"fmt"
	"strings"

	"fettle/data/encode"
	"fettle/data/recipe"
)

// Example checks the first example of a row; whole: it was not cut. c is the row's
// conversation, empty if it has none.
func (k *Checker) Example(ex encode.Example, whole bool, c recipe.Conversation) []Mark {
	var out []Mark
	if k.tok == nil {
		return nil
	}
	bos, eos := k.tok.BOS(), k.tok.EOS()
	n := ex.Learned()
	if n == 0 {
		out = append(out, Mark{NoLearnedTokens, k.whyMasked(ex, whole, c)})
	}
	if len(ex.Tokens) > 1 && ex.Tokens[0] == bos && ex.Tokens[1] == bos && bos >= 0 {
		out = append(out, Mark{"double-bos", "two begin-of-sequence tokens"})
	}
	if whole && n > 0 && eos >= 0 && k.recipe.EndsAnswers() && len(c.Segments) == 0 {
		ends := false
		for i := len(ex.Labels) - 1; i > 0 && !ends; i-- {
			ends = ex.Labels[i] == eos || k.endsAnswer(ex.Labels[i])
		}
		if !ends {
			out = append(out, Mark{"end-not-learned", "no end of an answer is learned"})
		}
	}
	if s, ok := k.tok.(encode.Speller); ok {
		for i, id := range ex.Tokens {
			if id < 0 || int(id) >= s.Size() {
				text := fmt.Sprintf("token %d at %d, the vocabulary has %d", id, i, s.Size())
				out = append(out, Mark{"unknown-token", text})
				break
			}
		}
	}
	return out
}

// endsAnswer reports whether a token ends an answer in the recipe.
func (k *Checker) endsAnswer(id int32) bool {
	for _, name := range k.recipe.Ends {
		if end, ok := k.controls.IDs[name]; ok && end == id {
			return true
		}
	}
	return false
}

// whyMasked guesses why no token is learned.
func (k *Checker) whyMasked(ex encode.Example, whole bool, c recipe.Conversation) string {
	switch {
	case k.recipe.Spoiled(c):
		return fmt.Sprintf("a text has one of %q, which makes this recipe mask everything", k.recipe.Spoils)
	case whole && k.recipe.AnswerMark != "" && len(c.Segments) == 0 && strings.TrimSpace(c.Answers()) != "":
		return fmt.Sprintf("as FastChat does where %q does not stand once before each end of an answer: "+
			"a last question, an empty text, or these words inside a text", k.recipe.AnswerMark)
	case !whole:
		return fmt.Sprintf("the prompt alone fills the %d tokens", len(ex.Tokens))
	case strings.TrimSpace(c.Answers()) == "":
		return "there is no answer"
	}
	return "every label is masked"
}
