package clean

import (
	"html"
	"regexp"
	"strconv"
	"strings"
)

// markdown converts the HTML of shared conversations to Markdown as markdownify did,
// the library that FastChat used: ATX headings from the third level on, * for lists,
// escaped * and _ in running text.
func markdown(text string) string {
	w := &markdownWriter{stack: []*element{{}}}
	for text != "" {
		at := strings.IndexByte(text, '<')
		if at < 0 {
			break
		}
		tag := tagPattern.FindStringSubmatch(text[at:])
		if tag == nil {
			w.text(text[:at+1])
			text = text[at+1:]
			continue
		}
		w.text(text[:at])
		text = text[at+len(tag[0]):]
		name := strings.ToLower(tag[2])
		switch {
		case tag[2] == "": // a comment
		case tag[1] == "/":
			w.close(name)
		default:
			w.open(name, tag[3])
		}
	}
	w.text(text)
	for len(w.stack) > 1 {
		w.pop()
	}
	return w.stack[0].text.String()
}

var (
	tagPattern   = regexp.MustCompile(`^<(?:!--(?s:.*?)--|(/?)([a-zA-Z][a-zA-Z0-9]*)([^<>]*))>`)
	hrefPattern  = regexp.MustCompile(`(?i)\b(?:href|src)\s*=\s*["']?([^"'\s>]*)`)
	altPattern   = regexp.MustCompile(`(?i)\balt\s*=\s*"([^"]*)"`)
	blankPattern = regexp.MustCompile(`[\t ]+`)
)

// element is an open tag and the Markdown inside it so far.
type element struct {
	name, attributes string
	items            int // of a list
	text             strings.Builder
}

// deepest is the limit of nesting; deeper tags are ignored.
const deepest = 100

// markdownWriter writes Markdown into a stack of open elements, the innermost last.
type markdownWriter struct{ stack []*element }

func (w *markdownWriter) top() *element { return w.stack[len(w.stack)-1] }

// within reports whether one of the tags is open.
func (w *markdownWriter) within(names ...string) bool {
	for i := range w.stack {
		for _, name := range names {
			if w.stack[i].name == name {
				return true
			}
		}
	}
	return false
}

// text adds running text.
func (w *markdownWriter) text(raw string) {
	text := html.UnescapeString(raw)
	if !w.within("pre") {
		text = blankPattern.ReplaceAllString(text, " ")
	}
	if !w.within("pre", "code") {
		text = strings.NewReplacer("*", `\*`, "_", `\_`).Replace(text)
	}
	w.top().text.WriteString(text)
}

// open begins a tag, or writes one that has no content.
func (w *markdownWriter) open(name, attributes string) {
	switch name {
	case "br":
		w.top().text.WriteString("  \n")
	case "hr":
		w.top().text.WriteString("\n\n---\n\n")
	case "img":
		w.top().text.WriteString("![" + group(altPattern, attributes) + "](" + group(hrefPattern, attributes) + ")")
	case "input", "meta", "link", "wbr", "source":
	default:
		switch name {
		case "li", "p", "tr", "td": // HTML may omit their ends
			if name == w.top().name {
				w.pop()
			}
		}
		if len(w.stack) > deepest {
			return
		}
		w.stack = append(w.stack, &element{name: name, attributes: attributes})
	}
}

// close ends a tag and those inside it that are still open. An end without a
// beginning is ignored.
func (w *markdownWriter) close(name string) {
	if !w.within(name) {
		return
	}
	for w.top().name != name {
		w.pop()
	}
	w.pop()
}

// pop writes the innermost element into its parent.
func (w *markdownWriter) pop() {
	e := w.top()
	name, attributes, text := e.name, e.attributes, e.text.String()
	w.stack = w.stack[:len(w.stack)-1]
	w.top().text.WriteString(w.element(name, attributes, text))
}

// group returns what the pattern's group matches in text.
func group(p *regexp.Regexp, text string) string {
	if m := p.FindStringSubmatch(text); m != nil {
		return html.UnescapeString(m[1])
	}
	return ""
}

// element returns a closed element in Markdown.
func (w *markdownWriter) element(name, attributes, text string) string {
	trimmed := strings.TrimSpace(text)
	inline := func(mark string) string {
		if trimmed == "" || w.within("pre", "code") {
			return text
		}
		before, after, _ := strings.Cut(text, trimmed)
		return before + mark + trimmed + mark + after
	}
	switch name {
	case "p":
		if trimmed == "" {
			return ""
		}
		if w.within("li", "td", "th") {
			return trimmed + "\n"
		}
		return text + "\n\n"
	case "b", "strong":
		return inline("**")
	case "i", "em":
		return inline("*")
	case "del", "s":
		return inline("~~")
	case "code", "kbd", "samp":
		return inline("`")
	case "pre":
		return "\n```\n" + text + "\n```\n"
	case "a":
		if href := group(hrefPattern, attributes); href == trimmed && href != "" {
			return "<" + href + ">"
		} else if href != "" && trimmed != "" {
			return "[" + trimmed + "](" + href + ")"
		}
	case "h1", "h2":
		return trimmed + "\n" + strings.Repeat(map[string]string{"h1": "=", "h2": "-"}[name], len(trimmed)) + "\n\n"
	case "h3", "h4", "h5", "h6":
		return strings.Repeat("#", int(name[1]-'0')) + " " + trimmed + "\n\n"
	case "blockquote":
		return "\n> " + strings.ReplaceAll(trimmed, "\n", "\n> ") + "\n\n"
	case "ul", "ol":
		if w.within("li") {
			return "\n" + strings.TrimRight(text, "\n")
		}
		return "\n" + text + "\n"
	case "li":
		return w.item(trimmed)
	case "td", "th":
		return " " + trimmed + " |"
	case "tr":
		return w.row(text)
	case "table":
		return "\n\n" + text + "\n\n"
	case "script", "style":
		return ""
	}
	return text
}

// item returns a list item, its lines indented.
func (w *markdownWriter) item(text string) string {
	list, depth := w.top(), -1
	for _, e := range w.stack {
		if e.name == "ul" || e.name == "ol" {
			depth++
		}
	}
	list.items++
	mark := string("*+-"[max(depth, 0)%3])
	if list.name == "ol" {
		mark = strconv.Itoa(list.items) + "."
	}
	return mark + " " + strings.ReplaceAll(text, "\n", "\n\t") + "\n"
}

// row returns a row of a table, with a rule under the first.
func (w *markdownWriter) row(text string) string {
	for i := range w.stack {
		if e := w.stack[i]; e.name == "table" {
			if e.items++; e.items == 1 {
				return "|" + text + "\n|" + strings.Repeat(" --- |", strings.Count(text, " |")) + "\n"
			}
		}
	}
	return "|" + text + "\n"
}
