package encode

import (
	"slices"

	"fettle/data/recipe"
)

// pair holds one round of a conversation as ranges of tokens: its question [from, mid) and its answer [mid, to).
type pair struct{ from, mid, to int }

// proportion shortens a conversation round by round, as LLaMA-Factory does: each round, in
// turn, gets what is left of the cutoff, and prompt and answer share it in proportion where
// both are longer than half of it. If only the last answer is learned, the last round comes
// first. The rounds that get nothing are left out.
func (e *Encoder) proportion(c recipe.Conversation, l layout, cutoff int) (layout, error) {
	pairs, err := e.pairs(c)
	if err != nil || len(pairs) == 0 {
		return l, err
	}
	order := slices.Clone(pairs)
	last := pairs[len(pairs)-1]
	if !slices.ContainsFunc(l.Labels[:last.mid], func(id int32) bool { return id != Ignore }) {
		slices.Reverse(order)
	}
	kept := map[pair][2]int{}
	left := cutoff
	for _, p := range order {
		prompt, answer := share(p.mid-p.from, p.to-p.mid, left)
		kept[p] = [2]int{prompt, answer}
		if left -= prompt + answer; left <= 0 {
			break
		}
	}
	out := l
	out.Tokens, out.Labels, out.after = nil, nil, 0
	for _, p := range pairs {
		for i, from := range []int{p.from, p.mid} {
			to := from + kept[p][i]
			out.Tokens = append(out.Tokens, l.Tokens[from:to]...)
			out.Labels = append(out.Labels, l.Labels[from:to]...)
		}
	}
	return out, nil
}

// share divides room for tokens between a prompt and its answer: the longer one is cut if
// the other needs less than half, otherwise both are cut in proportion.
func share(prompt, answer, room int) (int, int) {
	most := room * answer / max(prompt+answer, 1)
	switch {
	case answer*2 < room:
		most = room
	case prompt*2 < room:
		most = room - prompt
	}
	answer = min(most, answer)
	return min(max(room-answer, 0), prompt), answer
}

// pairs returns the rounds of a conversation: each ends where an answer does, the last one
// at the end of the text.
func (e *Encoder) pairs(c recipe.Conversation) ([]pair, error) {
	yes, no := true, false
	c.Turns = slices.Clone(c.Turns)
	for i := range c.Turns {
		c.Turns[i].Learn = &no
		if c.Turns[i].Role == recipe.Assistant {
			c.Turns[i].Learn = &yes
		}
	}
	r := e.recipe.TrainOn("assistant")
	l, err := (&Encoder{tok: e.tok, recipe: r}).layout(c)
	if err != nil {
		return nil, err
	}
	var pairs []pair
	for at := 0; at < len(l.Labels); {
		p := pair{from: at}
		for at < len(l.Labels) && l.Labels[at] == Ignore {
			at++
		}
		for p.mid = at; at < len(l.Labels) && l.Labels[at] != Ignore; {
			at++
		}
		p.to = at
		if n := len(pairs); p.mid == p.to && n > 0 {
			pairs[n-1].to = p.to
		} else if p.mid < p.to {
			pairs = append(pairs, p)
		}
	}
	return pairs, nil
}
