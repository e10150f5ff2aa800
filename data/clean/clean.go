// Package clean prepares shared conversations for training as FastChat did for
// Vicuna: HTML becomes Markdown, and remains of ChatGPT's page are removed.
package clean

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"fettle/data/recipe"
)

// Patterns of the text that a copy of ChatGPT's page contains besides the
// conversation.
var (
	divPattern        = regexp.MustCompile(`<div.*?>|<span.*?>`)
	codePattern       = regexp.MustCompile("(?s)```\\s*(.*?)(?:Copy code)+(.+?)\\s*?```")
	emptyCodePattern  = regexp.MustCompile("```(.*?)Copy code\\s*```")
	pagePattern       = regexp.MustCompile(`^\d+ / \d+`)
	charsPattern      = regexp.MustCompile(`Copy\d+ chars / \d+ words`)
	twiceFirstPattern = regexp.MustCompile(`\n1\. [^2]*\n1\. `)
	tooMany           = "Too many requests in 1 hour. Try again later."
)

// leastText is the least number of characters in a conversation.
const leastText = 16

// Conversation cleans a shared conversation as FastChat did for Vicuna: it keeps
// whole pairs of turns and cleans their texts. reason is why the conversation must
// be dropped, "" if it is kept.
func Conversation(c *recipe.Conversation) (reason string) {
	turns := c.Turns
	if len(turns) > 0 && !turns[0].Asks() {
		turns = turns[1:]
	}
	if len(turns) > 0 && turns[len(turns)-1].Asks() {
		turns = turns[:len(turns)-1]
	}
	if len(turns) <= 1 {
		return "too few turns"
	}
	var out []recipe.Turn
	total := 0
	for i, t := range turns {
		if t.Asks() != (i%2 == 0) {
			return "turns do not alternate"
		}
		if lower := strings.ToLower(t.Text); strings.Contains(lower, "openai") || strings.Contains(lower, "chatgpt") {
			return "a message names OpenAI or ChatGPT"
		}
		if !t.Asks() && strings.HasPrefix(t.Text, tooMany) {
			return "too many requests"
		}
		if t.Input != "" {
			t.Input = Text(t.Input)
		}
		if t.Text = Text(t.Text); twiceFirstPattern.MatchString(t.Text) {
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

// Text converts the HTML of a message to Markdown and removes the texts of the
// page's buttons.
func Text(text string) string {
	text = strings.TrimSpace(markdown(divPattern.ReplaceAllString(text, "")))
	text = codePattern.ReplaceAllString(text, "```$1\n$2\n```")
	text = pagePattern.ReplaceAllString(text, "")
	text = charsPattern.ReplaceAllString(text, "")
	text = emptyCodePattern.ReplaceAllString(text, "")
	return strings.TrimSpace(strings.ReplaceAll(text, "\n\n\n", "\n"))
}
