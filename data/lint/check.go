package lint

import (
	"fmt"
	"iter"
	"strings"

	"fettle/data/encode"
	"fettle/data/recipe"
)

// Mark is a finding in one row.
type Mark struct{ Rule, Text string }

// Checker checks rows against a tokenizer and a recipe. It is safe for concurrent
// use.
type Checker struct {
	tok      encode.Tokenizer // nil: rows are token ids and no vocabulary is known
	recipe   recipe.Recipe
	controls encode.Controls
}

// NewChecker returns a checker for rows that a recipe lays out and tok encodes.
func NewChecker(tok encode.Tokenizer, r recipe.Recipe) *Checker {
	return &Checker{tok: tok, recipe: r, controls: encode.ControlTokens(tok)}
}

// Conversation checks a row before it is encoded.
func (k *Checker) Conversation(c recipe.Conversation) []Mark {
	var out []Mark
	found := func(rule, format string, args ...any) { out = append(out, Mark{rule, fmt.Sprintf(format, args...)}) }
	if strings.TrimSpace(c.Answers()) == "" {
		found("empty-answer", "there is no answer")
	}
	turns := c.Turns
	if d := k.recipe.Dialogue; d != nil && len(c.Segments) == 0 {
		kept, before, behind := d.Kept(c.Turns, false)
		if before > 0 {
			found("turns-dropped", "%d of %d turns: the assistant's before the first question", before, len(c.Turns))
		}
		if behind > 0 {
			found("turns-dropped", "%d of %d turns: the questions behind the last answer", behind, len(c.Turns))
		}
		turns = kept
	}
	if text := orderOf(turns); text != "" {
		found("role-order", "%s", text)
	}
	if c.Tools != "" && c.Tools != "[]" && !k.recipe.Tools {
		found("tools-ignored", "tools %.60s", c.Tools)
	}
	if name := mediaIn(c); name != "" {
		found("media-placeholder", "%s", name)
	}
	control := "control-tokens"
	if !k.recipe.Specials {
		control = "control-names"
	}
	seen := map[string]bool{}
	for text := range texts(&c) {
		for _, check := range []struct {
			rule string
			find func(string) string
		}{
			{control, k.controlIn}, {"byte-order-mark", markIn}, {"mojibake", mojibakeIn},
			{"replacement-character", replacementIn}, {"placeholder", placeholderIn},
			{"html", htmlIn}, {"lost-bytes", k.lostIn},
		} {
			if hit := check.find(*text); hit != "" && !seen[check.rule] {
				seen[check.rule] = true
				found(check.rule, "%s", hit)
			}
		}
	}
	return out
}

// texts iterates over the texts of a record that are not empty.
func texts(c *recipe.Conversation) iter.Seq[*string] {
	all := []*string{&c.System}
	for i := range c.Turns {
		all = append(all, &c.Turns[i].Text, &c.Turns[i].Input)
	}
	for i := range c.Segments {
		all = append(all, &c.Segments[i].Text)
	}
	return func(yield func(*string) bool) {
		for _, text := range all {
			if *text != "" && !yield(text) {
				return
			}
		}
	}
}

// orderOf describes a fault in the order of turns, "" if there is none.
func orderOf(turns []recipe.Turn) string {
	for i, t := range turns {
		switch {
		case t.Role == recipe.System:
			return fmt.Sprintf("turn %d is a system message", i+1)
		case i == 0 && t.Role == recipe.Assistant:
			return "it begins with the assistant"
		case i > 0 && t.Asks() == turns[i-1].Asks():
			return fmt.Sprintf("turns %d and %d are both the %s's", i, i+1, t.Role)
		}
	}
	if n := len(turns); n > 0 && turns[n-1].Asks() {
		return "it ends with a question"
	}
	return ""
}

// lostIn finds the bytes of text that the tokenizer gives no token.
func (k *Checker) lostIn(text string) string {
	t, ok := k.tok.(interface{ Lost(text string) []string })
	if !ok {
		return ""
	}
	lost := t.Lost(text)
	if len(lost) == 0 {
		return ""
	}
	return fmt.Sprintf("%d bytes, the first %q", len(lost), lost[0])
}

// controlIn finds the name of a control token in text: the tokenizer's or a
// well-known one.
func (k *Checker) controlIn(text string) string {
	if !strings.ContainsAny(text, "<[") {
		return ""
	}
	names := []string{
		"<|eot_id|>", "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|im_start|>", "<|im_end|>",
		"<|endoftext|>", "[INST]", "[/INST]", "<</SYS>>", "</s>", "<s>", "<unk>",
	}
	if len(k.controls.Names) <= 64 { // LLaMA 3 has 256, Gemma 6,000, nearly all of them reserved
		names = append(names, k.controls.Names...)
	}
	if at, name := encode.NextControl(text, names); at >= 0 {
		return fmt.Sprintf("%s in %q", name, around(text, at))
	}
	return ""
}

// markIn finds a byte-order mark.
func markIn(text string) string {
	if at := strings.IndexRune(text, '\ufeff'); at >= 0 {
		return fmt.Sprintf("U+FEFF at byte %d", at)
	}
	return ""
}

// replacementIn finds a replacement character.
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
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_ "
	if ok && closed && name != "" && len(name) < 32 && strings.Trim(name, letters) == "" {
		return fmt.Sprintf("{{%s}}", name)
	}
	return ""
}

// mediaIn finds the placeholder of a picture, a video or a sound in a question: on a line of its own, at the beginning
// or at the end; "<image>", which is no tag of HTML, anywhere.
func mediaIn(c recipe.Conversation) string {
	for _, t := range c.Turns {
		text := strings.TrimSpace(t.Content())
		if t.Role != recipe.User || !strings.Contains(text, "<") {
			continue
		}
		for _, name := range []string{"<image>", "<video>", "<audio>"} {
			at := strings.Index(text, name)
			switch line := "\n" + text + "\n"; {
			case at >= 0 && name == "<image>", strings.HasPrefix(text, name), strings.HasSuffix(text, name),
				strings.Contains(line, "\n"+name+"\n"):
				return fmt.Sprintf("%s in %q", name, around(text, max(at, 0)))
			}
		}
	}
	return ""
}

// around returns the surroundings of a place in a text.
func around(text string, at int) string {
	from, to := max(0, at-12), min(len(text), at+20)
	return strings.ToValidUTF8(text[from:to], "")
}
