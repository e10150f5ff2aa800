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
	Room         int     // tokens that fit the context, the prompt included; 0: no limit
	EOS          []int32 // tokens that end the text; they are not yielded
	Decoded      int     // tokens of the prompt that the decoder has seen already, fewer than all
}

// The reasons why generation ended.
const (
	EndOfText   = "end of text"
	MaxTokens   = "max_new_tokens reached"
	ContextFull = "context full"
	StopString  = "stop string"
	Cancelled   = "cancelled"
)

// reading is how much of a prompt is decoded between looks at the context.
const reading = 256

// Tokens yields the tokens that follow the prompt, one by one. When it is
// through, reason says why it ended. The consumer may stop it at any time.
func Tokens(ctx context.Context, d Decoder, s *Sampler, prompt []int32, o Options) (tokens iter.Seq2[int32, error], reason *string) {
	reason = new(string)
	return func(yield func(int32, error) bool) {
		all, decoded := slices.Clone(prompt), o.Decoded
		for range o.MaxNewTokens {
			var logits []float32
			for decoded < len(all) {
				if ctx.Err() != nil {
					*reason = Cancelled
					return
				}
				end := min(decoded+reading, len(all))
				var err error
				if logits, err = d.Decode(all[decoded:end]); err != nil {
					yield(0, err)
					return
				}
				decoded = end
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
			all = append(all, next)
			switch {
			case ctx.Err() != nil:
				*reason = Cancelled
				return
			case o.Room > 0 && len(all) >= o.Room:
				*reason = ContextFull
				return
			}
		}
		*reason = MaxTokens
	}, reason
}
