package data

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The ways in which pages of ChatGPT leave traces in what was copied off them.
var (
	divPattern        = regexp.MustCompile(`<div.*?>|<span.*?>`)
	codePattern       = regexp.MustCompile("(?s)```\\s*(.*?)(?:Copy code)+(.+?)\\s*?```")
	emptyCodePattern  = regexp.MustCompile("```(.*?)Copy code\\s*```")
	pagePattern       = regexp.MustCompile(`^\d+ / \d+`)
	charsPattern      = regexp.MustCompile(`Copy\d+ chars / \d+ words`)
	twiceFirstPattern = regexp.MustCompile(`\n1\. [^2]*\n1\. `)
	tooMany           = "Too many requests in 1 hour. Try again later."
)

// leastText is how many characters a conversation must have.
const leastText = 16

// clean does to a shared conversation what FastChat did for Vicuna: whole
// pairs of turns only, HTML to Markdown, no traces of the page. It returns
// why the conversation is of no use, "" if it is.
func (c *Conversation) clean() string {
	turns := c.Turns
	for len(turns) > 0 && !turns[0].asks() {
		turns = turns[1:]
	}
	for len(turns) > 0 && turns[len(turns)-1].asks() {
		turns = turns[:len(turns)-1]
	}
	if len(turns) <= 1 {
		return "too few turns"
	}
	var out []Turn
	total := 0
	for i, t := range turns {
		if t.asks() != (i%2 == 0) {
			return "turns do not alternate"
		}
		if lower := strings.ToLower(t.Text); strings.Contains(lower, "openai") || strings.Contains(lower, "chatgpt") {
			return "it speaks of its maker"
		}
		if t.Text = cleanText(t.Text); strings.HasPrefix(t.Text, tooMany) && !t.asks() {
			return "too many requests"
		}
		if !t.asks() && twiceFirstPattern.MatchString(t.Text) {
			return "a list begins twice"
		}
		if r, _ := utf8.DecodeRuneInString(t.Text); t.Text == "" || !unicode.IsPrint(r) {
			break
		}
		out = append(out, t)
		total += utf8.RuneCountInString(t.Text)
	}
	c.Turns = out[:len(out)/2*2]
	switch {
	case len(c.Turns) == 0:
		return "a message is empty"
	case total < leastText:
		return "too short"
	}
	return ""
}

// cleanText is a message in Markdown, without the page's buttons.
func cleanText(text string) string {
	text = strings.TrimSpace(markdown(divPattern.ReplaceAllString(text, "")))
	text = codePattern.ReplaceAllString(text, "```$1\n$2\n```")
	text = pagePattern.ReplaceAllString(text, "")
	text = charsPattern.ReplaceAllString(text, "")
	text = emptyCodePattern.ReplaceAllString(text, "")
	return strings.TrimSpace(strings.ReplaceAll(text, "\n\n\n", "\n"))
}
