package jinja

import (
	"regexp"
	"strings"
	"unicode"
)

type kind int

// The kinds of tokens.
const (
	endOfFile kind = iota
	data           // text outside tags
	begin          // {{ or {%
	end            // }} or %}
	name
	literal // a string, without quotes
	integer
	float
	operator
)

type token struct {
	kind kind
	text string
	line int
}

// lexer splits a template into tokens.
type lexer struct {
	src    string
	at     int
	line   int
	fresh  bool // at the beginning of a line
	tokens []token
}

// lex returns the tokens of a template. Line breaks become \n, and one at the very end is dropped.
func lex(src string) []token {
	src = strings.ReplaceAll(strings.ReplaceAll(src, "\r\n", "\n"), "\r", "\n")
	l := &lexer{src: strings.TrimSuffix(src, "\n"), line: 1, fresh: true}
	for l.at < len(l.src) {
		l.text()
	}
	l.put(endOfFile, "end of the template")
	return l.tokens
}

func (l *lexer) put(k kind, text string) { l.tokens = append(l.tokens, token{k, text, l.line}) }

// skip consumes n bytes and counts lines.
func (l *lexer) skip(n int) {
	l.line += strings.Count(l.src[l.at:l.at+n], "\n")
	l.at += n
}

// isSpace reports whether Python's str.isspace holds.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// text reads the text before a tag, and the tag.
func (l *lexer) text() {
	rest := l.src[l.at:]
	n := len(rest)
	for i := 0; i+1 < len(rest); i++ {
		if rest[i] == '{' && strings.IndexByte("{%#", rest[i+1]) >= 0 {
			n = i
			break
		}
	}
	text := rest[:n]
	if n == len(rest) {
		l.put(data, text)
		l.skip(n)
		return
	}
	tag, flag := rest[n:n+2], byte(0)
	if n+2 < len(rest) {
		flag = rest[n+2]
	}
	switch {
	case flag == '-':
		text = strings.TrimRightFunc(text, isSpace)
	case flag != '+' && tag != "{{": // lstrip_blocks removes the indentation before a tag
		line := strings.LastIndexByte(text, '\n') + 1
		if (line > 0 || l.fresh) && strings.TrimFunc(text[line:], isSpace) == "" {
			text = text[:line]
		}
	}
	if text != "" {
		l.put(data, text)
	}
	l.skip(n)
	l.tag(tag, flag)
}

// tag reads a tag.
func (l *lexer) tag(open string, flag byte) {
	line := l.line
	l.skip(2)
	if flag == '-' || flag == '+' {
		l.skip(1)
	}
	switch open {
	case "{#":
		n := strings.Index(l.src[l.at:], "#}")
		if n < 0 {
			fail(line, "the comment is never closed")
		}
		flag := l.src[l.at+max(n-1, 0)]
		l.skip(n + 2)
		l.after(flag, true)
	case "{%":
		if m := rawTag.FindStringSubmatch(l.src[l.at:]); m != nil {
			l.raw(m, line)
			return
		}
		l.put(begin, open)
		l.inside("%}", line)
	default:
		l.put(begin, open)
		l.inside("}}", line)
	}
}

var (
	rawTag    = regexp.MustCompile(`^\s*raw\s*(-?)%\}`)
	endRawTag = regexp.MustCompile(`\{%([-+]?)\s*endraw\s*([-+]?)%\}`)
)

// raw reads {% raw %} … {% endraw %}.
func (l *lexer) raw(open []string, line int) {
	l.skip(len(open[0]))
	m := endRawTag.FindStringSubmatchIndex(l.src[l.at:])
	if m == nil {
		fail(line, "raw is never closed")
	}
	text, rest := l.src[l.at:l.at+m[0]], l.src[l.at:]
	if open[1] == "-" {
		text = strings.TrimLeftFunc(text, isSpace)
	}
	if rest[m[2]:m[3]] == "-" {
		text = strings.TrimRightFunc(text, isSpace)
	}
	l.put(data, text)
	flag := byte(0)
	if m[4] < m[5] {
		flag = rest[m[4]]
	}
	l.skip(m[1])
	l.after(flag, true)
}

// after skips the space that a tag removes after itself: all space, or with trim_blocks one line break.
func (l *lexer) after(flag byte, block bool) {
	rest := l.src[l.at:]
	l.fresh = false
	switch {
	case flag == '-':
		n := len(rest) - len(strings.TrimLeftFunc(rest, isSpace))
		l.fresh = n > 0 && rest[n-1] == '\n'
		l.skip(n)
	case block && flag != '+' && strings.HasPrefix(rest, "\n"):
		l.fresh = true
		l.skip(1)
	}
}

var (
	spaces    = regexp.MustCompile(`^\s+`)
	words     = regexp.MustCompile(`^[\pL_][\pL\pN_]*`)
	floats    = regexp.MustCompile(`^[0-9](_?[0-9])*(\.[0-9](_?[0-9])*([eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+)`)
	integers  = regexp.MustCompile(`^[0-9](_?[0-9])*`)
	strings1  = regexp.MustCompile(`^(?s:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")`)
	operators = regexp.MustCompile(`^(?://|\*\*|==|!=|>=|<=|[-+/*%~\[\](){}<>=.:|,])`)
)

// inside reads the expression or statement of a tag up to its end.
func (l *lexer) inside(closer string, line int) {
	var open []byte // brackets
	for {
		rest := l.src[l.at:]
		if len(open) == 0 {
			flag := byte(0)
			if rest != "" && (rest[0] == '-' || rest[0] == '+' && closer == "%}") && strings.HasPrefix(rest[1:], closer) {
				flag = rest[0]
				rest = rest[1:]
			}
			if strings.HasPrefix(rest, closer) {
				l.put(end, closer)
				l.skip(len(l.src) - l.at - len(rest) + 2)
				l.after(flag, closer == "%}")
				return
			}
			rest = l.src[l.at:]
		}
		text := ""
		match := func(re *regexp.Regexp) bool { text = re.FindString(rest); return text != "" }
		switch {
		case rest == "":
			fail(line, "the tag is never closed")
		case match(spaces):
		case match(words):
			l.put(name, text)
		case match(floats):
			l.put(float, strings.ReplaceAll(text, "_", ""))
		case match(integers):
			l.put(integer, strings.ReplaceAll(text, "_", ""))
		case match(strings1):
			l.put(literal, unquote(text[1:len(text)-1]))
		case match(operators):
			open = l.brackets(open, text)
			l.put(operator, text)
		default:
			fail(l.line, "unexpected %q", firstRune(rest))
		}
		l.skip(len(text))
	}
}

// brackets updates the stack of open brackets: within them }} does not end a tag.
func (l *lexer) brackets(open []byte, text string) []byte {
	switch {
	case strings.Contains("([{", text):
		return append(open, text[0])
	case strings.Contains(")]}", text):
		n := len(open) - 1
		if n < 0 || open[n] != map[byte]byte{')': '(', ']': '[', '}': '{'}[text[0]] {
			fail(l.line, "unexpected %q", text)
		}
		return open[:n]
	}
	return open
}

func firstRune(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}
