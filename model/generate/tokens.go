package generate

import (
	"context"
	"iter"
	"slices"
)

// Decoder is a sequence that grows: Decode appends tokens and returns the
// logits after the last of them.
type Decoder interface {
	Decode(tokens []int32) (logits []float32, err error)
}

// Options say when generation ends.
type Options struct {
	MaxNewTokens int
	Room         int     // tokens that still fit the context, prompt included; 0: no limit
	EOS          []int32 // tokens that end the text; they are not yielded
}

// The reasons why generation ended.
const (
	EndOfText   = "end of text"
	MaxTokens   = "max_new_tokens reached"
	ContextFull = "context full"
	Cancelled   = "cancelled"
)

// Tokens yields the tokens that follow the prompt, one by one. When it is
// through, reason says why it ended. The consumer may stop it at any time.
func Tokens(ctx context.Context, d Decoder, s *Sampler, prompt []int32, o Options) (tokens iter.Seq2[int32, error], reason *string) {
	reason = new(string)
	return func(yield func(int32, error) bool) {
		all := slices.Clone(prompt)
		logits, err := d.Decode(prompt)
		for n := 0; ; n++ {
			if err != nil {
				yield(0, err)
				return
			}
			switch {
			case ctx.Err() != nil:
				*reason = Cancelled
				return
			case n == o.MaxNewTokens:
				*reason = MaxTokens
				return
			}
			next := s.Next(logits, all)
			if slices.Contains(o.EOS, next) {
				*reason = EndOfText
				return
			}
			if !yield(next, nil) {
				*reason = Cancelled
				return
			}
			if all = append(all, next); o.Room > 0 && len(all) >= o.Room {
				*reason = ContextFull
				return
			}
			if n+1 < o.MaxNewTokens {
				logits, err = d.Decode(all[len(all)-1:])
			}
		}
	}, reason
}
