package lint

import (
	"fmt"
	"regexp"
	"strings"
)

// Patterns of text that was copied off a page.
var (
	// A closing tag, an empty element, or an opening tag with attributes; a bare <p> may be a question about HTML.
	tagPattern = regexp.MustCompile(`(?i)</(?:` + elements + `)\s*>|<(?:br|hr|img)\b[^<>]*>|` +
		`<(?:` + elements + `)\s+[a-z-]+\s*=[^<>]*>`)
	referencePattern = regexp.MustCompile(`&(?:lt|gt|amp|nbsp|quot|apos|#x?[0-9a-fA-F]+);`)
	buttonPattern    = regexp.MustCompile("(?m)^Copy code\\s*$|```[^\\n`]*Copy code|Copy\\d+ chars / \\d+ words")
)

// elements are the elements of shared pages.
const elements = `a|article|b|blockquote|body|button|code|dd|div|dl|dt|em|figure|font|footer|form|h[1-6]|` +
	`head|header|html|i|label|li|main|nav|ol|p|path|pre|section|small|span|strong|sub|sup|svg|table|tbody|` +
	`td|th|thead|tr|u|ul`

// htmlIn finds HTML or the text of a page's button, outside code.
func htmlIn(text string) string {
	if !strings.ContainsAny(text, "<&") && !strings.Contains(text, "Copy") {
		return ""
	}
	if at := buttonPattern.FindStringIndex(text); at != nil {
		return fmt.Sprintf("a page's button in %q", around(text, at[0]))
	}
	for i, prose := range strings.Split(text, "```") {
		if i%2 == 1 {
			continue
		}
		for j, part := range strings.Split(prose, "`") {
			if j%2 == 1 {
				continue
			}
			for _, pattern := range []*regexp.Regexp{tagPattern, referencePattern} {
				if at := pattern.FindStringIndex(part); at != nil {
					return fmt.Sprintf("%s in %q", part[at[0]:at[1]], around(part, at[0]))
				}
			}
		}
	}
	return ""
}
