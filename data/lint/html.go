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
		`<(?:` + elements + `|input|option|path|label)\s+[a-z-]+\s*=[^<>]*>|<li>[^<>]*<li>|<p>[^<>]*<p>`)
	referencePattern = regexp.MustCompile(`&(?:lt|gt|amp|nbsp|quot|apos|hellip|[mn]dash|[lr][sd]quo|[lr]aquo|bull|` +
		`middot|copy|reg|trade|deg|times|eur|euro|pound|shy|[ae]nsp|thinsp|zwn?j|szlig|` +
		`[a-zA-Z](?:acute|grave|circ|uml|tilde|cedil)|#x?[0-9a-fA-F]+);`)
	commentPattern = regexp.MustCompile(`(?is)<!--.*?-->|<!doctype\s+html`)
	codePattern    = regexp.MustCompile("(?s)```.*?(?:```|$)|~~~.*?(?:~~~|$)|``.+?``|`[^`]*`")
	buttonPattern  = regexp.MustCompile("(?m)^Copy code\\s*$|```[^\\n`]*Copy code|Copy\\d+ chars / \\d+ words")
)

// elements are the elements of shared pages.
const elements = `a|article|aside|b|blockquote|body|button|caption|center|cite|code|dd|del|details|div|dl|dt|em|` +
	`figcaption|figure|font|footer|form|h[1-6]|head|header|html|i|iframe|ins|kbd|li|main|mark|math|nav|ol|p|pre|` +
	`script|section|select|small|span|strike|strong|style|sub|sup|svg|table|tbody|td|textarea|tfoot|th|thead|tr|u|ul|` +
	`video`

// htmlIn finds HTML or the text of a page's button, outside code.
func htmlIn(text string) string {
	if !strings.ContainsAny(text, "<&") && !strings.Contains(text, "Copy") {
		return ""
	}
	if at := buttonPattern.FindStringIndex(text); at != nil {
		return fmt.Sprintf("a page's button in %q", around(text, at[0]))
	}
	prose := codePattern.ReplaceAllString(text, " ")
	for _, pattern := range []*regexp.Regexp{tagPattern, referencePattern, commentPattern} {
		if at := pattern.FindStringIndex(prose); at != nil {
			return fmt.Sprintf("%.60s in %q", prose[at[0]:at[1]], around(prose, at[0]))
		}
	}
	return ""
}
