package data

import (
	"fmt"
	"hash/maphash"
	"strings"
)

// mark is what a worker finds in a row.
type mark struct{ rule, text string }

// look checks what a row says, before it is laid out.
func (e *encoder) look(c Conversation) []mark {
	var out []mark
	found := func(rule, format string, args ...any) { out = append(out, mark{rule, fmt.Sprintf(format, args...)}) }
	if strings.TrimSpace(c.Answers()) == "" {
		found("empty-answer", "there is no answer")
	}
	if text := orderOf(c); text != "" {
		found("role-order", "%s", text)
	}
	if c.Tools != "" && c.Tools != "[]" && !e.recipe.Tools {
		found("tools-ignored", "tools %.60s", c.Tools)
	}
	control := "control-tokens"
	if !e.recipe.Specials {
		control = "control-names"
	}
	seen := map[string]bool{}
	for text := range c.texts {
		for _, check := range []struct {
			rule string
			find func(string) string
		}{
			{control, e.controlIn}, {"byte-order-mark", markIn}, {"mojibake", mojibakeIn}, {"replacement-character", replacementIn}, {"placeholder", placeholderIn},
		} {
			if hit := check.find(*text); hit != "" && !seen[check.rule] {
				seen[check.rule] = true
				found(check.rule, "%s", hit)
			}
		}
	}
	return out
}

// texts calls f with every text that comes from the record.
func (c *Conversation) texts(f func(*string) bool) {
	all := []*string{&c.System}
	for i := range c.Turns {
		all = append(all, &c.Turns[i].Text, &c.Turns[i].Input)
	}
	for i := range c.Laid {
		all = append(all, &c.Laid[i].Text)
	}
	for _, text := range all {
		if *text != "" && !f(text) {
			return
		}
	}
}

// orderOf says what is wrong with the order of turns, "" if nothing.
func orderOf(c Conversation) string {
	for i, t := range c.Turns {
		switch {
		case t.Role == System:
			return fmt.Sprintf("turn %d is a system message", i+1)
		case i == 0 && t.Role == Assistant:
			return "it begins with the assistant"
		case i > 0 && t.asks() == c.Turns[i-1].asks():
			return fmt.Sprintf("turns %d and %d are both the %s's", i, i+1, t.Role)
		}
	}
	if n := len(c.Turns); n > 0 && c.Turns[n-1].asks() {
		return "it ends with a question"
	}
	return ""
}

// controlIn finds the name of a control token, the tokenizer's or a well-known
// one.
func (e *encoder) controlIn(text string) string {
	if !strings.ContainsAny(text, "<[") {
		return ""
	}
	names := e.controls()
	if len(names) > 16 { // LLaMA 3 has 256, all of one form
		names = nil
	}
	if at, name := nextControl(text, append([]string{"<|eot_id|>", "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|im_start|>", "<|im_end|>",
		"<|endoftext|>", "[INST]", "[/INST]", "<</SYS>>", "</s>", "<s>", "<unk>"}, names...)); at >= 0 {
		return fmt.Sprintf("%s in %q", name, around(text, at))
	}
	return ""
}

func markIn(text string) string {
	if at := strings.IndexRune(text, '\ufeff'); at >= 0 {
		return fmt.Sprintf("U+FEFF at byte %d", at)
	}
	return ""
}

func replacementIn(text string) string {
	if at := strings.IndexRune(text, '\ufffd'); at >= 0 {
		return fmt.Sprintf("U+FFFD in %q", around(text, at))
	}
	return ""
}

// placeholderIn finds {{name}}.
func placeholderIn(text string) string {
	_, rest, ok := strings.Cut(text, "{{")
	name, _, closed := strings.Cut(rest, "}}")
	if ok && closed && name != "" && len(name) < 32 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_ ") == "" {
		return fmt.Sprintf("{{%s}}", name)
	}
	return ""
}

// around is what stands at a place of a text.
func around(text string, at int) string {
	from, to := max(0, at-12), min(len(text), at+20)
	return strings.ToValidUTF8(text[from:to], "")
}

// inspect checks what a row became.
func (e *encoder) inspect(ex Example, whole bool, c Conversation) []mark {
	var out []mark
	if e.tok == nil {
		return nil
	}
	bos, eos := e.tok.BOS(), e.tok.EOS()
	if n := ex.Learned(); n == 0 {
		out = append(out, mark{"no-learned-tokens", e.whySilent(ex, whole, c)})
	}
	if len(ex.Tokens) > 1 && ex.Tokens[0] == bos && ex.Tokens[1] == bos && bos >= 0 {
		out = append(out, mark{"double-bos", "two begin-of-sequence tokens"})
	}
	if whole && eos >= 0 && e.recipe.ends() && len(c.Laid) == 0 {
		ends := false
		for i := len(ex.Labels) - 1; i > 0 && !ends; i-- {
			ends = ex.Labels[i] == eos || e.endsAnswer(ex.Labels[i])
		}
		if !ends {
			out = append(out, mark{"end-not-learned", "no end of an answer is learned"})
		}
	}
	if s, ok := e.tok.(speller); ok {
		for i, id := range ex.Tokens {
			if id < 0 || int(id) >= s.Size() {
				out = append(out, mark{"unknown-token", fmt.Sprintf("token %d at %d, the vocabulary has %d", id, i, s.Size())})
				break
			}
		}
	}
	return out
}

// ends reports whether the recipe ends answers with the control token.
func (r Recipe) ends() bool {
	return r.Dialogue == nil || r.Dialogue.End || r.Dialogue.Closing != "" || r.Finish
}

// endsAnswer reports whether a token is one of the recipe's that end an answer.
func (e *encoder) endsAnswer(id int32) bool {
	e.controls()
	for _, name := range e.recipe.Ends {
		if e.named[name] == id && id >= 0 {
			return true
		}
	}
	return false
}

// whySilent guesses why nothing is learned.
func (e *encoder) whySilent(ex Example, whole bool, c Conversation) string {
	switch {
	case e.recipe.spoils(c):
		return fmt.Sprintf("a text has one of %q, with which this recipe learns nothing", e.recipe.Spoils)
	case !whole:
		return fmt.Sprintf("the prompt alone fills the %d tokens", len(ex.Tokens))
	case strings.TrimSpace(c.Answers()) == "":
		return "there is no answer"
	}
	return "every label is masked"
}

// seed makes hashes comparable within a process.
var seed = maphash.MakeSeed()

// hashTokens tells equal sequences.
func hashTokens(e Example) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, id := range e.Tokens {
		maphash.WriteComparable(&h, id)
	}
	return h.Sum64()
}
