package chat

import (
	"slices"

	"fettle/model/generate"
)

// Ends lists the tokens that end an answer.
func (m *Model) Ends() []int32 {
	ends := append(append([]int32(nil), m.Weights.Config().EOS...), m.Generation.Ends...)
	ends = append(ends, m.Tokenizer.Ends()...)
	if m.Recipe != nil {
		for _, name := range m.Recipe.Ends {
			if id, ok := m.Tokenizer.ID(name); ok {
				ends = append(ends, id)
			}
		}
	}
	return ends
}

// stops lists the texts that end an answer.
func (m *Model) stops() []string {
	if m.Recipe == nil {
		return nil
	}
	return append([]string(nil), m.Recipe.Stop...)
}

// vocabulary returns the tokens that answers may hold: those of the tokenizer, and the ends, which it may lack.
func (m *Model) vocabulary() generate.Vocabulary {
	ends := m.Ends()
	v := generate.Vocabulary{Size: m.Tokenizer.Size()}
	for _, id := range ends {
		v.Size = max(v.Size, int(id)+1)
	}
	v.Size = min(v.Size, m.Weights.Config().Vocab)
	for id := range int32(v.Size) {
		if m.Tokenizer.Piece(id) == "" && !slices.Contains(ends, id) {
			v.Absent = append(v.Absent, id)
		}
	}
	return v
}
