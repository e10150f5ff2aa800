package model

import (
	"fmt"

	"fettle/internal/compute"
)

// prefillRows bounds the tokens of a prompt that are computed at once.
const prefillRows = 512

// Session decodes one sequence with cached keys and values.
type Session struct {
	m        *Model
	cache    cache
	capacity int
	reserved int // rows that the cache has memory for
	x        []float32
	logits   []float32

	// Interrupted, if not nil, is asked before each block. Its error ends the call, whose last tokens are then not in the
	// sequence.
	Interrupted func() error
}

// cache holds rotated keys and values by layer.
type cache struct {
	layers []compute.Cache
	rows   int // cached
}

// NewSession starts an empty sequence of at most capacity tokens (0: as many as the model has positions). Memory grows
// with the sequence.
func (m *Model) NewSession(capacity int) *Session {
	c := m.config
	if capacity <= 0 || capacity > c.MaxPositions {
		capacity = c.MaxPositions
	}
	view := *m
	view.work = work{}
	s := &Session{m: &view, capacity: capacity, logits: make([]float32, c.Vocab)}
	for l := range c.Layers {
		s.cache.layers = append(s.cache.layers, m.dev.NewCache(m.weights.blocks[l].Attention))
	}
	return s
}

// Reserve takes the memory for n tokens, as far as they fit, as growing to it piece by piece takes more.
func (s *Session) Reserve(n int) {
	if n = min(n, s.capacity); n <= s.reserved {
		return
	}
	s.reserved = n
	for _, c := range s.cache.layers {
		c.Reserve(n)
	}
}

// Len returns the number of tokens decoded so far.
func (s *Session) Len() int { return s.cache.rows }

// Capacity returns the largest possible Len.
func (s *Session) Capacity() int { return s.capacity }

// Truncate removes all tokens but the first n.
func (s *Session) Truncate(n int) { s.cache.rows = min(s.cache.rows, max(n, 0)) }

// Decode appends tokens and returns the logits (V) after the last of them. The next call overwrites the slice. A
// token's logits are the same bits however the sequence is cut into calls.
func (s *Session) Decode(tokens []int32) ([]float32, error) {
	if len(tokens) == 0 {
		return nil, fmt.Errorf("decode: no tokens")
	}
	if err := s.fits(tokens); err != nil {
		return nil, err
	}
	for len(tokens) > prefillRows {
		if err := s.step(tokens[:prefillRows], 0); err != nil {
			return nil, err
		}
		tokens = tokens[prefillRows:]
	}
	if err := s.step(tokens, 1); err != nil {
		return nil, err
	}
	return s.logits, s.score(s.logits, tokens[len(tokens)-1:])
}

// score computes the logits (len(tokens), V) of the tokens whose output the last step left in s.x.
func (s *Session) score(logits []float32, tokens []int32) error {
	m, n := s.m, len(tokens)
	x := s.x[:n*m.config.Hidden]
	m.norm(x, x, m.weights.norm, n)
	b := &Batch{Tokens: tokens, Segments: []compute.Segment{{Len: n}}, Samples: []uint64{0}}
	for i := range n {
		b.Positions = append(b.Positions, int32(s.cache.rows-n+i))
	}
	return m.score(logits, x, b)
}

// scoredRows bounds the tokens whose logits Score holds at once.
const scoredRows = 16

// Score appends tokens and calls visit with the logits (V) after each of them, the same bits as Decode's. visit must
// not keep the slice.
func (s *Session) Score(tokens []int32, visit func(i int, logits []float32)) error {
	if err := s.fits(tokens); err != nil {
		return err
	}
	vocab := s.m.config.Vocab
	logits := make([]float32, min(scoredRows, len(tokens))*vocab)
	for at := 0; at < len(tokens); at += scoredRows {
		part := tokens[at:min(at+scoredRows, len(tokens))]
		if err := s.step(part, len(part)); err != nil {
			return err
		}
		if err := s.score(logits[:len(part)*vocab], part); err != nil {
			return err
		}
		for i := range part {
			visit(at+i, logits[i*vocab:][:vocab])
		}
	}
	return nil
}

// fits returns an error if tokens are more than there is room for.
func (s *Session) fits(tokens []int32) error {
	if n := s.cache.rows + len(tokens); n > s.capacity {
		return fmt.Errorf("decode: %d tokens are more than the context of %d; %s", n, s.capacity, s.advice())
	}
	return nil
}

// advice returns the remedies for a full context.
func (s *Session) advice() string {
	if most := s.m.config.MaxPositions; s.capacity < most {
		return fmt.Sprintf("shorten the prompt, or allow up to the model's %d", most)
	}
	return "that is the model's limit: shorten the prompt or ask for fewer new tokens"
}

// step runs the blocks on tokens and leaves the last block's output of the last so many at the beginning of s.x.
func (s *Session) step(tokens []int32, read int) error {
	m, n, past := s.m, len(tokens), s.cache.rows
	if past+n > s.reserved {
		s.Reserve(max(past+n, s.reserved+s.reserved/4))
	}
	b := &Batch{Tokens: tokens, Segments: []compute.Segment{{Len: n, Past: past}}, Samples: []uint64{0}}
	for i := range tokens {
		b.Positions = append(b.Positions, int32(past+i))
	}
	if err := m.check(b); err != nil {
		return err
	}
	var some *needed
	if read < n {
		some = b.latest(read)
	}
	x := compute.Resize(&s.x, n*m.config.Hidden)
	if err := m.lookUp(x, b); err != nil {
		return err
	}
	for l := range m.config.Layers {
		if s.Interrupted != nil {
			if err := s.Interrupted(); err != nil {
				return err
			}
		}
		st, top, out := m.stateOf(l, 0), m.inLast(l, some), x
		if top != nil {
			out = x[:read*m.config.Hidden]
		}
		st.x = x
		if err := m.forward(l, st, out, b, top, &s.cache); err != nil {
			return err
		}
	}
	s.cache.rows += n
	return nil
}
