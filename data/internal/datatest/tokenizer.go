// Package datatest holds helpers of data's tests: tokenizers of single bytes, conversations, files and
// views of examples.
package datatest

import (
	"fmt"
	"strings"

	"fettle/data/encode"
)

// Letters is a tokenizer of single bytes: BOS 1, EOS 2, bytes from 3 on.
type Letters struct{}

func (Letters) Encode(text string) []int32 {
	var ids []int32
	for i := range len(text) {
		ids = append(ids, 3+int32(text[i]))
	}
	return ids
}
func (l Letters) EncodeSpecial(text string) []int32 {
	var ids []int32
	for i, part := range strings.Split(text, "</s>") {
		if i > 0 {
			ids = append(ids, 2)
		}
		ids = append(ids, l.Encode(part)...)
	}
	return ids
}
func (Letters) Decode(ids []int32) string {
	var b []byte
	for _, id := range ids {
		if id >= 3 {
			b = append(b, byte(id-3))
		}
	}
	return string(b)
}

// Parts knows one control token, "</s>".
func (l Letters) Parts(
	text string, _ bool, special func(from, to int) bool, yield func(from, to int, ids []int32),
) {
	parts(text, map[string]int32{"</s>": 2}, special, yield)
}

// Specials puts BOS before a text.
func (Letters) Specials() (before, after []int32) { return []int32{1}, nil }

func (Letters) BOS() int32 { return 1 }
func (Letters) EOS() int32 { return 2 }

// Spelled is Letters as a tokenizer that spells its tokens. Its control tokens follow the bytes.
type Spelled struct {
	Letters
	File     string   // returned by Hash
	Controls []string // named tokens from 259 on
}

// Parts knows the control tokens.
func (s Spelled) Parts(
	text string, _ bool, special func(from, to int) bool, yield func(from, to int, ids []int32),
) {
	parts(text, encode.ControlTokens(s).IDs, special, yield)
}

// parts encodes text as Letters, except for the longest of the names at each place where special permits it.
func parts(text string, names map[string]int32, special func(from, to int) bool,
	yield func(from, to int, ids []int32)) {
	done := 0
	flush := func(to int) {
		if done < to {
			yield(done, to, Letters{}.Encode(text[done:to]))
		}
	}
	for at := 0; at < len(text); {
		longest := ""
		for name := range names {
			if strings.HasPrefix(text[at:], name) && len(name) > len(longest) && special(at, at+len(name)) {
				longest = name
			}
		}
		if longest == "" {
			at++
			continue
		}
		flush(at)
		done = at + len(longest)
		yield(at, done, []int32{names[longest]})
		at = done
	}
	flush(len(text))
}

// Hash returns File.
func (s Spelled) Hash() string { return s.File }

// Size returns the size of the vocabulary.
func (s Spelled) Size() int { return 259 + len(s.Controls) }

// Control reports whether a token is a control token.
func (s Spelled) Control(id int32) bool { return id == 1 || id == 2 || id >= 259 }

// Piece spells a token: "<s>", "</s>", "<0x41>" or the name of a control token.
func (s Spelled) Piece(id int32) string {
	switch {
	case id == 1:
		return "<s>"
	case id == 2:
		return "</s>"
	case id >= 259 && int(id) < s.Size():
		return s.Controls[id-259]
	case id >= 3 && id < 259:
		return fmt.Sprintf("<0x%02X>", id-3)
	}
	return ""
}

// Shown returns an example's text, with the names of control tokens and with the
// learned spans between ⟦ and ⟧.
func (s Spelled) Shown(e encode.Example) string {
	var b strings.Builder
	var bytes []byte
	on := false
	for i, id := range e.Tokens {
		if learn := e.Labels[i] != encode.Ignore; learn != on {
			b.Write(bytes)
			bytes = nil
			b.WriteString(map[bool]string{true: "⟦", false: "⟧"}[learn])
			on = learn
		}
		if s.Control(id) {
			bytes = append(bytes, s.Piece(id)...)
		} else {
			bytes = append(bytes, byte(id-3))
		}
	}
	b.Write(bytes)
	if on {
		b.WriteString("⟧")
	}
	return b.String()
}
