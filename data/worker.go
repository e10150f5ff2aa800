package data

import (
	"fmt"
	"hash/maphash"
)

// worker turns records into examples. It is safe for concurrent use.
type worker struct {
	*encoder
	format            format
	columns           map[string]string
	cutoff            int
	overLong, trainOn string
	fix, clean        bool
}

// work parses, lays out and encodes one record.
func (w worker) work(r record) outcome {
	row, err := r.row()
	if err != nil {
		return outcome{bad: err}
	}
	f := fields{row, w.columns}
	if w.format.name == "tokenized" {
		return w.tokenized(f)
	}
	c, err := w.format.read(f)
	if err != nil {
		return outcome{bad: err}
	}
	var fixed []string
	if w.fix {
		drop := false
		if fixed, drop = c.repair(); drop {
			return outcome{fixed: fixed, left: true}
		}
	}
	opening := uint64(0)
	if w.clean {
		if f.has("plugins") || c.clean() != "" {
			return outcome{left: true, cleaned: true}
		}
		opening = maphash.String(seed, c.Turns[0].Text+"\x00"+c.Turns[1].Text)
	}
	w.restrict(&c)
	marks := w.look(c)
	out := w.fit(c, w.cutoff, w.overLong)
	out.opening, out.source, out.fixed, out.answer = opening, c.Source, fixed, maphash.String(seed, c.Answers())
	if len(out.examples) > 0 {
		first := out.examples[0]
		marks = append(marks, w.inspect(first, len(first.Tokens) >= out.length, c)...)
	}
	if out.fused {
		marks = append(marks, mark{"boundary-fusion", fmt.Sprintf("the answer %.20q shares a token with the prompt", c.Answers())})
	}
	out.marks = marks
	return out
}

// tokenized takes a record as it is.
func (w worker) tokenized(f fields) outcome {
	e, err := readTokenized(f)
	if err != nil {
		return outcome{bad: err}
	}
	out := outcome{length: len(e.Tokens), source: e.Source, marks: w.inspect(e, false, Conversation{})}
	if w.cutoff == 0 || out.length <= w.cutoff {
		out.examples = []Example{e}
		return out
	}
	out.examples, out.fatal = w.fitTokens(e)
	return out
}

// trainOn says what is learned.
var trainOn = []string{"recipe", "assistant", "last_turn", "completion", "all"}

// trainOn changes what a recipe learns; which turns of a conversation is up to
// restrict.
func (r Recipe) trainOn(what string) Recipe {
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

// restrict keeps from learning the turns that train_on leaves out: all answers
// but the last (last_turn), or all before the last question (completion); and
// answers that are marked as bad, unless the recipe tells them from good ones.
func (w worker) restrict(c *Conversation) {
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
		bad := t.Bad && (w.recipe.Dialogue == nil || w.recipe.Dialogue.Bad == "")
		if t.Role == Assistant && (bad || w.trainOn == "last_turn" && i != last || w.trainOn == "completion" && i < asked) {
			t.Learn = &no
		}
	}
}
