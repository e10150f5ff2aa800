package tokenizer

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/runes"
	"golang.org/x/text/unicode/norm"
)

// stage is an entry of tokenizer.json's normalizer, pre_tokenizer, post_processor or decoder, with the fields of all
// supported types.
type stage struct {
	Type          string  `json:"type"`
	Normalizers   []stage `json:"normalizers,omitempty"`
	PreTokenizers []stage `json:"pretokenizers,omitempty"`
	Processors    []stage `json:"processors,omitempty"`
	Decoders      []stage `json:"decoders,omitempty"`

	Prepend  string        `json:"prepend,omitempty"`
	Pattern  *stagePattern `json:"pattern,omitempty"`
	Content  string        `json:"content,omitempty"`
	Behavior string        `json:"behavior,omitempty"`
	Invert   *bool         `json:"invert,omitempty"`

	AddPrefixSpace *bool   `json:"add_prefix_space,omitempty"`
	TrimOffsets    *bool   `json:"trim_offsets,omitempty"`
	UseRegex       *bool   `json:"use_regex,omitempty"`
	Replacement    string  `json:"replacement,omitempty"`
	PrependScheme  *string `json:"prepend_scheme,omitempty"`
	Split          *bool   `json:"split,omitempty"`
	Individual     *bool   `json:"individual_digits,omitempty"`
	Left           *bool   `json:"strip_left,omitempty"`
	Right          *bool   `json:"strip_right,omitempty"`

	Start *int `json:"start,omitempty"`
	Stop  *int `json:"stop,omitempty"`

	CLS      []any `json:"cls,omitempty"`
	SEP      []any `json:"sep,omitempty"`
	Specials map[string]struct {
		IDs []int32 `json:"ids"`
	} `json:"special_tokens,omitempty"`
	Single []struct {
		SpecialToken *struct {
			ID string `json:"id"`
		} `json:"SpecialToken"`
		Sequence *struct{} `json:"Sequence"`
	} `json:"single,omitempty"`
}

// stagePattern is what a Split or a Replace looks for: a text or an expression.
type stagePattern struct {
	String *string `json:"String,omitempty"`
	Regex  *string `json:"Regex,omitempty"`
}

// flat returns the stages of nested sequences as one list, none for nil.
func (s *stage) flat() []stage {
	if s == nil {
		return nil
	}
	if s.Type != "Sequence" {
		return []stage{*s}
	}
	var all []stage
	for _, inner := range [][]stage{s.Normalizers, s.PreTokenizers, s.Processors, s.Decoders} {
		for i := range inner {
			all = append(all, inner[i].flat()...)
		}
	}
	return all
}

// pattern returns the pattern of a Split or Replace.
func (s *stage) pattern() (*pattern, error) {
	var p *pattern
	var err error
	switch {
	case s.Pattern == nil:
		err = errors.New("no pattern")
	case s.Pattern.String != nil:
		p, err = newLiteral(*s.Pattern.String)
	case s.Pattern.Regex != nil:
		p, err = newPattern(*s.Pattern.Regex)
	default:
		err = errors.New("no pattern")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Type, err)
	}
	return p, nil
}

// maxGrowth bounds the factor by which stages may lengthen text. Those in use triple it at most (a space becomes ▁).
const maxGrowth = 64

// grow returns an error if the stages may lengthen text by more than maxGrowth.
func grow(stages []stage) error {
	growth := 1
	for _, s := range stages {
		if len(s.Prepend) > maxGrowth {
			return fmt.Errorf("%s: %d bytes to prepend, want at most %d", s.Type, len(s.Prepend), maxGrowth)
		}
		from := 1
		if s.Pattern != nil && s.Pattern.String != nil {
			from = max(1, len(*s.Pattern.String))
		}
		growth *= max(1, min(maxGrowth+1, (len(s.Content)+from-1)/from))
		if growth > maxGrowth {
			return fmt.Errorf("%s: text would become more than %d times as long", s.Type, maxGrowth)
		}
	}
	return nil
}

// newNormalizer returns the function that changes text before it is split into words, or nil if nothing changes it.
func newNormalizer(s *stage) (func(string) string, error) {
	stages := s.flat()
	if err := grow(stages); err != nil {
		return nil, fmt.Errorf("normalizer %w", err)
	}
	var steps []func(string) string
	for _, s := range stages {
		switch s.Type {
		case "Prepend":
			steps = append(steps, func(text string) string {
				if text == "" {
					return ""
				}
				return s.Prepend + text
			})
		case "Replace":
			p, err := s.pattern()
			if err != nil {
				return nil, fmt.Errorf("normalizer %w", err)
			}
			steps = append(steps, func(text string) string { return p.replace(text, s.Content) })
		case "NFC":
			steps = append(steps, norm.NFC.String)
		case "NFD":
			steps = append(steps, norm.NFD.String)
		case "NFKC":
			steps = append(steps, norm.NFKC.String)
		case "NFKD":
			steps = append(steps, norm.NFKD.String)
		case "Lowercase":
			steps = append(steps, strings.ToLower)
		case "StripAccents":
			steps = append(steps, runes.Remove(runes.In(unicode.M)).String)
		case "Strip":
			steps = append(steps, s.strip)
		default:
			return nil, fmt.Errorf("normalizer type %q is not supported", s.Type)
		}
	}
	if len(steps) == 0 {
		return nil, nil
	}
	return func(text string) string {
		for _, step := range steps {
			text = step(text)
		}
		return text
	}, nil
}

// strip removes white space at the ends that a Strip names; both if it names none.
func (s *stage) strip(text string) string {
	if s.Left == nil || *s.Left {
		text = strings.TrimLeftFunc(text, unicode.IsSpace)
	}
	if s.Right == nil || *s.Right {
		text = strings.TrimRightFunc(text, unicode.IsSpace)
	}
	return text
}

// replace returns text with content in place of each match.
func (p *pattern) replace(text, content string) string {
	if p.re == nil {
		return strings.ReplaceAll(text, p.text, content)
	}
	var b strings.Builder
	p.split(text, func(part string, match bool) {
		if match {
			part = content
		}
		b.WriteString(part)
	})
	return b.String()
}

// newDecoder returns the function that decodes a piece's name, and whether decoding removes a leading space of the
// text.
func newDecoder(s *stage, byteLevel bool) (spell func(string) string, prefixed bool, err error) {
	var steps []func(string) string
	stages := s.flat()
	if err := grow(stages); err != nil {
		return nil, false, fmt.Errorf("decoder %w", err)
	}
	fused, bytes := false, false
	for _, s := range stages {
		switch s.Type {
		case "ByteLevel":
			alphabet := newByteAlphabet()
			bytes = true
			steps = append(steps, func(name string) string { text, _ := alphabet.read(name); return text })
		case "Replace":
			p, err := s.pattern()
			if err != nil {
				return nil, false, fmt.Errorf("decoder %w", err)
			}
			steps = append(steps, func(name string) string { return p.replace(name, s.Content) })
		case "Metaspace":
			scheme, err := s.scheme()
			if err != nil {
				return nil, false, fmt.Errorf("decoder %w", err)
			}
			prefixed = prefixed || scheme != "never"
			steps = append(steps, func(name string) string { return strings.ReplaceAll(name, s.replacement(), " ") })
		case "Strip":
			start, stop := count(s.Start), count(s.Stop)
			if !fused || s.Content != " " || start > 1 || start < 0 || stop != 0 {
				return nil, false, fmt.Errorf(
					"decoder Strip of %d and %d times %q is not supported, want one space at the start after Fuse",
					start, stop, s.Content)
			}
			prefixed = prefixed || start == 1
		case "Fuse":
			fused = true
		case "ByteFallback": // done where the vocabulary is read
		default:
			return nil, false, fmt.Errorf("decoder type %q is not supported", s.Type)
		}
	}
	if len(stages) == 0 {
		return nil, false, errors.New("a tokenizer.json without a decoder is not supported")
	}
	if bytes != byteLevel {
		return nil, false, errors.New("of pre_tokenizer and decoder only one is ByteLevel")
	}
	return func(name string) string {
		for _, step := range steps {
			name = step(name)
		}
		return name
	}, prefixed, nil
}

func count(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

// replacement returns the character that Metaspace writes for a space.
func (s *stage) replacement() string {
	if s.Replacement == "" {
		return space
	}
	return s.Replacement
}

// scheme returns when Metaspace adds a leading space: always, first or never.
func (s *stage) scheme() (string, error) {
	if utf8.RuneCountInString(s.replacement()) != 1 {
		return "", fmt.Errorf("replacement %q of Metaspace, want one character", s.Replacement)
	}
	switch {
	case s.PrependScheme == nil && s.AddPrefixSpace != nil && !*s.AddPrefixSpace:
		return "never", nil
	case s.PrependScheme == nil:
		return "always", nil
	case *s.PrependScheme == "always" || *s.PrependScheme == "first" || *s.PrependScheme == "never":
		return *s.PrependScheme, nil
	}
	return "", fmt.Errorf("prepend_scheme %q of Metaspace, want always, first or never", *s.PrependScheme)
}
