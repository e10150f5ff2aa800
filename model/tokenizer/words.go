package tokenizer

import (
	"cmp"
	"fmt"
	"strings"
)

// gpt2Words splits text into words before merging, as GPT-2 does.
const gpt2Words = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

// digit matches what Digits does: numbers of Unicode 17.
const digit = `[\p{N}` + "\U00011de0-\U00011de9\U00016ff4-\U00016ff6]"

// splitter divides a part of a text into smaller parts. start is true for the part that begins the text.
type splitter func(part string, start bool, yield func(part string))

// splitters apply one after another, each to the parts that the previous one yields.
type splitters []splitter

func (s splitters) split(text string, start bool, yield func(word string)) {
	if len(s) == 0 {
		yield(text)
		return
	}
	s[0](text, start, func(part string) {
		if part != "" {
			s[1:].split(part, start, yield)
			start = false
		}
	})
}

// newSplitters returns the splitters of a pre_tokenizer and whether words are merged as bytes.
func newSplitters(s *stage) (all splitters, byteLevel bool, err error) {
	for _, s := range s.flat() {
		if byteLevel {
			return nil, false, fmt.Errorf("pre_tokenizer %s behind ByteLevel is not supported", s.Type)
		}
		var next splitter
		switch s.Type {
		case "Split":
			next, err = s.splitter()
		case "Digits":
			expression := digit + `+`
			if s.Individual != nil && *s.Individual {
				expression = digit
			}
			next, err = isolate(expression)
		case "ByteLevel":
			byteLevel = true
			if s.AddPrefixSpace == nil || *s.AddPrefixSpace {
				all = append(all, prefix)
			}
			if s.UseRegex != nil && !*s.UseRegex {
				continue
			}
			next, err = isolate(gpt2Words)
		case "Metaspace":
			next, err = s.metaspace()
		case "Punctuation":
			next, err = s.punctuation()
		case "WhitespaceSplit":
			next, err = behaving(`\s`, "Removed")
		default:
			return nil, false, fmt.Errorf("pre_tokenizer type %q is not supported", s.Type)
		}
		if err != nil {
			return nil, false, fmt.Errorf("pre_tokenizer %w", err)
		}
		all = append(all, next)
	}
	return all, byteLevel, nil
}

// prefix adds a leading space to a part without one.
func prefix(part string, _ bool, yield func(string)) {
	if !strings.HasPrefix(part, " ") {
		part = " " + part
	}
	yield(part)
}

// isolate makes each match a part.
func isolate(expression string) (splitter, error) { return behaving(expression, "Isolated") }

// behaving returns the splitter of an expression with a behavior.
func behaving(expression, behavior string) (splitter, error) {
	p, err := newPattern(expression)
	if err != nil {
		return nil, err
	}
	return p.behave(behavior, false)
}

// punctuation returns the splitter of a Punctuation, which splits at each sign.
func (s *stage) punctuation() (splitter, error) {
	return behaving(`[\p{P}\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]`, cmp.Or(s.Behavior, "Isolated"))
}

// splitter returns the splitter of a Split, whose behavior decides where the matches go.
func (s *stage) splitter() (splitter, error) {
	p, err := s.pattern()
	if err != nil {
		return nil, err
	}
	return p.behave(s.Behavior, s.Invert != nil && *s.Invert)
}

// behave returns the splitter of a pattern with a behavior. With invert the parts between matches are the matches.
func (p *pattern) behave(behavior string, invert bool) (splitter, error) {
	// cut reports whether a part ends between two neighbours, given whether these are matches.
	var cut func(left, right bool) bool
	switch behavior {
	case "Isolated":
		cut = func(bool, bool) bool { return true }
	case "Removed":
		return func(part string, _ bool, yield func(string)) {
			p.split(part, func(part string, match bool) {
				if match == invert {
					yield(part)
				}
			})
		}, nil
	case "MergedWithNext":
		cut = func(left, right bool) bool { return right || !left }
	case "MergedWithPrevious":
		cut = func(left, right bool) bool { return left || !right }
	case "Contiguous":
		cut = func(left, right bool) bool { return left != right }
	default:
		return nil, fmt.Errorf("behavior %q of Split is not supported", behavior)
	}
	return func(part string, _ bool, yield func(string)) {
		from, to, left := 0, 0, false
		p.split(part, func(piece string, match bool) {
			match = match != invert
			if to > 0 && cut(left, match) {
				yield(part[from:to])
				from = to
			}
			to += len(piece)
			left = match
		})
		yield(part[from:])
	}, nil
}

// metaspace returns the splitter of a Metaspace: it writes spaces as ▁, may add a leading one, and may cut before each.
func (s *stage) metaspace() (splitter, error) {
	scheme, err := s.scheme()
	if err != nil {
		return nil, err
	}
	mark := s.replacement()
	cut := s.Split == nil || *s.Split
	split, err := (&pattern{text: mark}).behave("MergedWithNext", false)
	if err != nil {
		return nil, err
	}
	return func(part string, start bool, yield func(string)) {
		part = strings.ReplaceAll(part, " ", mark)
		if !strings.HasPrefix(part, mark) && (scheme == "always" || scheme == "first" && start) {
			part = mark + part
		}
		if cut {
			split(part, start, yield)
		} else {
			yield(part)
		}
	}, nil
}
