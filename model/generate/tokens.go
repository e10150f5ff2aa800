package generate

import (
	"context"
	"iter"
	"slices"
)

// Decoder appends tokens to a sequence and returns the logits (V) after the last of them.
type Decoder interface {
	Decode(tokens []int32) (logits []float32, err error)
}

// Options bound a generation.
type Options struct {
	MaxNewTokens int
	Room         int               // length of the context, prompt included; 0: no limit
	EOS          []int32           // tokens that end the text; they are not yielded
	Ended        func(token int32) // if not nil, gets the one that did
	Decoded      int               // leading tokens of the prompt that are in the decoder, fewer than all
}

// The reasons why generation ended.
const (
	EndOfText   = "end of text"
	MaxTokens   = "max_new_tokens reached"
	ContextFull = "context full"
	StopString  = "stop string"
	Cancelled   = "cancelled"
)

// chunk bounds the tokens of a prompt that are decoded between checks of the context.
const chunk = 256

// Tokens yields the tokens that follow the prompt, one by one. After the last one, reason holds one of the reasons
// above.
func Tokens(
	ctx context.Context, d Decoder, s *Sampler, prompt []int32, o Options,
) (tokens iter.Seq2[int32, error], reason *string) {
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
				end := min(decoded+chunk, len(all))
				var err error
				if logits, err = d.Decode(all[decoded:end]); err == nil {
					err = CheckLogits(logits[:s.Vocab.rows(len(logits))])
				}
				if err != nil && err == ctx.Err() { // the decoder has asked too
					*reason = Cancelled
					return
				}
				if err != nil {
					yield(0, err)
					return
				}
				decoded = end
			}
			next := s.Next(logits, all)
			if slices.Contains(o.EOS, next) {
				*reason = EndOfText
				if o.Ended != nil {
					o.Ended(next)
				}
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
