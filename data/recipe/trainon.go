package recipe

// TrainOn lists the values of train_on, which selects the learned tokens.
func TrainOn() []string { return []string{"recipe", "assistant", "last_turn", "completion", "all"} }

// TrainOn returns the recipe with its loss on the tokens that train_on names.
// Which turns of a conversation count is decided by Restrict.
func (r Recipe) TrainOn(what string) Recipe {
	if what == "" || what == "recipe" {
		return r
	}
	r.LearnPrompt, r.ShiftMask = what == "all", false
	if r.Dialogue != nil {
		d := *r.Dialogue
		d.LearnFrame = false
		r.Dialogue = &d
	}
	return r
}

// Restrict takes the loss off the answers that train_on leaves out: all but the
// last (last_turn), or those before the last question (completion). Bad answers
// are masked too, unless the recipe marks them in the prompt. So are the answers in
// the prompt of a record of prompt and completion, unless train_on asks for every
// answer (assistant) or for everything (all).
func (r Recipe) Restrict(c *Conversation, trainOn string) {
	if trainOn == "assistant" || trainOn == "all" {
		c.Given = 0
	}
	last, asked := -1, -1
	for i, t := range c.Turns {
		if t.Role == Assistant {
			last = i
		} else if t.Role == User {
			asked = i
		}
	}
	no := false
	for i := range c.Turns {
		t := &c.Turns[i]
		bad := t.Bad && !r.marksBad()
		given := i < c.Given && t.Learn == nil
		if t.Role == Assistant &&
			(bad || given || trainOn == "last_turn" && i != last || trainOn == "completion" && i < asked) {
			t.Learn = &no
		}
	}
}

// marksBad reports whether the recipe tells bad answers from good ones in the prompt, and learns them.
func (r Recipe) marksBad() bool { return r.Dialogue != nil && r.Dialogue.Bad != "" }

// Refuses reports whether a restricted conversation has a bad answer and nothing else to learn.
func (r Recipe) Refuses(c Conversation) bool {
	bad, learned := false, false
	for _, t := range c.Turns {
		bad = bad || t.Bad
		learned = learned || t.Learned(t.Role == Assistant) && !t.Bad
	}
	return bad && !r.marksBad() && (!learned || r.LearnPrompt)
}
