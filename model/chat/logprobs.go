package chat

import (
	"context"
	"strings"
	"unicode/utf8"

	"fettle/model"
	"fettle/model/generate"
	"fettle/model/serve"
	"fettle/model/tokenizer"
)

// scorer decodes with a conversation's session and collects the log-probabilities of the tokens, if a question asks for
// them.
type scorer struct {
	*model.Session
	tokenizer *tokenizer.Tokenizer
	logits    []float32 // of the next token
	stream    *tokenizer.Stream
	letters   int // of the text so far
	most      int // how many of the most probable tokens to report
	out       *serve.Logprobs
}

func (c *Conversation) newScorer(q Question) *scorer {
	s := &scorer{Session: c.session, tokenizer: c.Tokenizer, stream: c.Tokenizer.NewStream()}
	if q.Continue && !q.Echo {
		s.stream = c.Tokenizer.Resume()
	}
	if q.Logprobs != nil {
		s.most, s.out = *q.Logprobs, &serve.Logprobs{}
	}
	return s
}

// Decode is the session's.
func (s *scorer) Decode(tokens []int32) (logits []float32, err error) {
	s.logits, err = s.Session.Decode(tokens)
	return s.logits, err
}

// prompt adds the tokens of a prompt, if the question wants them: then it decodes all but the last anew. It returns how
// many of them are decoded, of which known were so before.
func (s *scorer) prompt(ctx context.Context, q Question, known int) (decoded int, err error) {
	if s.out == nil || !q.Echo {
		return known, nil
	}
	s.Truncate(0)
	s.add(q.Prompt[0])
	const chunk = 64 // tokens between checks of the context
	for n := len(q.Prompt) - 1; decoded < n; {
		if err := ctx.Err(); err != nil {
			return decoded, err
		}
		part := q.Prompt[decoded:min(decoded+chunk, n)]
		var wrong error
		err := s.Score(part, func(i int, logits []float32) {
			if wrong == nil {
				wrong = generate.CheckLogits(logits)
			}
			s.logits = logits
			s.add(q.Prompt[decoded+i+1])
		})
		if err == nil {
			err = wrong
		}
		if err != nil {
			return decoded, err
		}
		decoded += len(part)
	}
	return decoded, nil
}

// lowest stands for the logarithm of 0, which JSON lacks.
const lowest = -1e30

// add adds the token after those decoded.
func (s *scorer) add(token int32) {
	o := s.out
	if o == nil {
		return
	}
	name := s.spelled(token)
	o.Tokens, o.Offset = append(o.Tokens, name), append(o.Offset, s.letters)
	s.letters += utf8.RuneCountInString(s.stream.Push(token))
	if s.logits == nil {
		o.Values, o.Top = append(o.Values, nil), append(o.Top, nil)
		return
	}
	all, top := generate.LogSoftmax(s.logits), map[string]float64{}
	for _, t := range append(generate.Largest(all, s.most), token) {
		name := s.spelled(t)
		if _, ok := top[name]; !ok { // of several tokens with one text the most probable
			top[name] = max(all[t], lowest)
		}
	}
	own := max(all[token], lowest)
	o.Values, o.Top = append(o.Values, &own), append(o.Top, top)
}

// spelled returns a token's text, or the vocabulary's spelling where its bytes alone are no text.
func (s *scorer) spelled(token int32) string {
	text := s.tokenizer.Resume().Push(token)
	if text == "" || strings.ContainsRune(text, utf8.RuneError) {
		return s.tokenizer.Piece(token)
	}
	return text
}
