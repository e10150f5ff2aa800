package data

import "fmt"

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

// Segment is a piece of what the model sees, and whether it is learned.
type Segment struct {
	Text  string
	Learn bool
}

// Segments lays a conversation out in the recipe's template.
func (r Recipe) Segments(c Conversation) ([]Segment, error) {
	if len(c.Turns) != 2 || c.Turns[0].Role != User || c.Turns[1].Role != Assistant {
		return nil, fmt.Errorf("read %s: recipe %s wants one instruction and one answer, not %d turns", c.Source, r.Name, len(c.Turns))
	}
	prompt := r.Template.Prompt(c.Turns[0].Text, c.Turns[0].Input)
	return []Segment{{prompt, r.LearnPrompt}, {c.Turns[1].Text, true}}, nil
}

// Prompt is what generation begins with: the training text up to the answer.
func (r Recipe) Prompt(tok Tokenizer, instruction, input string) []int32 {
	return r.encode(tok, r.Template.Prompt(instruction, input))
}

// Encode tokenizes a conversation. Prompt and answer are tokenized as one text,
// as all these systems do; where the last character of the prompt and the first
// of the answer share a token, it counts as prompt. A sequence longer than
// cutoff loses its end.
func (r Recipe) Encode(tok Tokenizer, c Conversation, cutoff int) (Example, error) {
	segments, err := r.Segments(c)
	if err != nil {
		return Example{}, err
	}
	prompt, answer := segments[0], segments[1]
	ids := r.encode(tok, prompt.Text+answer.Text)
	if !r.EndIfRoom {
		ids = append(ids, tok.EOS())
	}
	ids = ids[:min(len(ids), cutoff)]
	if r.EndIfRoom && len(ids) < cutoff && ids[len(ids)-1] != tok.EOS() {
		ids = append(ids, tok.EOS())
	}
	e := Example{Tokens: ids, Labels: append([]int32(nil), ids...), Source: c.Source}
	if !prompt.Learn {
		masked := min(len(r.encode(tok, prompt.Text)), len(ids))
		for i := range masked {
			e.Labels[i] = Ignore
		}
	}
	return e, nil
}

// encode puts the recipe's first token before the tokens of a text.
func (r Recipe) encode(tok Tokenizer, text string) []int32 {
	first := tok.BOS()
	if r.BOS == EOSToken {
		first = tok.EOS()
	}
	var ids []int32
	if first >= 0 {
		ids = append(ids, first)
	}
	if r.Specials {
		return append(ids, tok.EncodeSpecial(text)...)
	}
	return append(ids, tok.Encode(text)...)
}
