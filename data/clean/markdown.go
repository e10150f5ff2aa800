package clean

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// markdown converts HTML to Markdown as markdownify 0.11.6 does, the library that
// FastChat used: ATX headings from the third level on, * for lists, escaped * and _ in
// running text.
func markdown(text string) string { return parse(text).markdown(false) }

var blankPattern = regexp.MustCompile(`[\t ]+`)

// nested lists the elements in which space between elements is dropped.
var nested = []string{"ol", "ul", "li", "table", "thead", "tbody", "tfoot", "tr", "td", "th"}

func (n *node) isNested() bool { return n != nil && slices.Contains(nested, n.name) }

// markdown returns a node as Markdown; inline: without line breaks of its own.
func (n *node) markdown(inline bool) string {
	switch n.name {
	case "":
		return n.running()
	case commentName:
		return ""
	}
	if n.isNested() {
		n.dropSpace()
	}
	var b strings.Builder
	for _, child := range n.children {
		b.WriteString(child.markdown(inline || n.isHeading() || n.name == "td" || n.name == "th"))
	}
	return n.element(b.String(), inline)
}

// dropSpace removes the texts of space at the ends of an element and beside nested
// elements.
func (n *node) dropSpace() {
	kept := make([]*node, 0, len(n.children))
	for _, c := range n.children {
		space := c.name == "" && strings.TrimSpace(c.text) == ""
		previous, next := c.previous(), c.next()
		if !space || previous != nil && next != nil && !previous.isNested() && !next.isNested() {
			kept = append(kept, c)
		}
	}
	for i, c := range kept {
		c.at = i
	}
	n.children = kept
}

// running returns running text.
func (n *node) running() string {
	text, parent := n.text, n.parent
	inPre := parent.name == "pre" || parent.name == "code" && parent.parent.name == "pre"
	if !inPre {
		text = blankPattern.ReplaceAllString(text, " ")
	}
	if parent.name != "pre" && parent.name != "code" {
		text = strings.NewReplacer("*", `\*`, "_", `\_`).Replace(text)
	}
	next := n.next()
	if parent.name == "li" && (next == nil || next.name == "ul" || next.name == "ol") {
		text = strings.TrimRightFunc(text, unicode.IsSpace)
	}
	return text
}

func (n *node) isHeading() bool {
	return len(n.name) == 2 && n.name[0] == 'h' && n.name[1] >= '1' && n.name[1] <= '6'
}

// chomp returns the text without the space around it, and " " or "" for a blank at
// either end.
func chomp(text string) (before, trimmed, after string) {
	if strings.HasPrefix(text, " ") {
		before = " "
	}
	if strings.HasSuffix(text, " ") {
		after = " "
	}
	return before, strings.TrimSpace(text), after
}

// indent puts a prefix in front of every line, the empty one at the end too.
func indent(text, prefix string) string { return prefix + strings.ReplaceAll(text, "\n", "\n"+prefix) }

// marked puts a mark around text.
func marked(text, mark string) string {
	before, trimmed, after := chomp(text)
	if trimmed == "" {
		return ""
	}
	return before + mark + trimmed + mark + after
}

// element returns an element with the Markdown of its children.
func (n *node) element(text string, inline bool) string {
	switch n.name {
	case "b", "strong":
		return marked(text, "**")
	case "i", "em":
		return marked(text, "*")
	case "del", "s":
		return marked(text, "~~")
	case "sub", "sup":
		return marked(text, "")
	case "code", "kbd", "samp":
		if n.parent.name == "pre" {
			return text
		}
		return marked(text, "`")
	case "a":
		return n.link(text)
	case "img":
		return n.image(inline)
	case "hr":
		return "\n\n---\n\n"
	case "ul", "ol":
		return n.list(text)
	case "li":
		return n.bullet() + " " + strings.TrimSpace(text) + "\n"
	case "table":
		return "\n\n" + text + "\n"
	case "td", "th":
		return " " + text + " |"
	case "tr":
		return n.row(text)
	}
	if inline {
		if n.name == "br" {
			return ""
		}
		if n.name != "pre" {
			return text
		}
	}
	return n.block(text)
}

// block returns an element that stands on lines of its own; any other is its text.
func (n *node) block(text string) string {
	switch {
	case n.name == "br":
		return "  \n"
	case n.isHeading():
		return n.heading(strings.TrimRightFunc(text, unicode.IsSpace))
	case text == "":
		return ""
	case n.name == "p":
		return text + "\n\n"
	case n.name == "blockquote":
		return "\n" + indent(text, "> ") + "\n\n"
	case n.name == "pre":
		return "\n```\n" + text + "\n```\n"
	}
	return text
}

// heading underlines the first two levels and puts # in front of the others.
func (n *node) heading(text string) string {
	level := int(n.name[1] - '0')
	if level > 2 {
		return strings.Repeat("#", level) + " " + text + "\n\n"
	}
	if text == "" {
		return ""
	}
	return text + "\n" + strings.Repeat(string("=-"[level-1]), utf8.RuneCountInString(text)) + "\n\n"
}

// titled returns the title of a link or an image, with a space before it.
func (n *node) titled() string {
	if title := n.attribute(titlePattern); title != "" {
		return ` "` + strings.ReplaceAll(title, `"`, `\"`) + `"`
	}
	return ""
}

// link returns a link; an address that is its own text stands in angle brackets.
func (n *node) link(text string) string {
	before, trimmed, after := chomp(text)
	href, title := n.attribute(hrefPattern), n.titled()
	switch {
	case trimmed == "":
		return ""
	case href == "":
		return trimmed
	case title == "" && strings.ReplaceAll(trimmed, `\_`, "_") == href:
		return "<" + href + ">"
	}
	return fmt.Sprintf("%s[%s](%s%s)%s", before, trimmed, href, title, after)
}

// image returns an image, inline only its description.
func (n *node) image(inline bool) string {
	if inline {
		return n.attribute(altPattern)
	}
	return fmt.Sprintf("![%s](%s%s)", n.attribute(altPattern), n.attribute(srcPattern), n.titled())
}

// list returns a list, indented if it is inside another one.
func (n *node) list(text string) string {
	if n.within("li") {
		return "\n" + strings.TrimRightFunc(indent(text, "\t"), unicode.IsSpace)
	}
	if next := n.next(); next != nil && next.name != "ul" && next.name != "ol" {
		text += "\n"
	}
	return text
}

// bullet returns the mark of a list item: its number, or a sign by the depth of
// unordered lists.
func (n *node) bullet() string {
	if n.parent.name == "ol" {
		start, err := strconv.Atoi(n.parent.attribute(startPattern))
		if err != nil {
			start = 1
		}
		return strconv.Itoa(start+n.at) + "."
	}
	depth := -1
	for p := n; p != nil; p = p.parent {
		if p.name == "ul" {
			depth++
		}
	}
	return string("*+-"[(depth+3)%3])
}

// row returns a row of a table. A rule stands under a first row of headers, and under
// an empty row before any other first row.
func (n *node) row(text string) string {
	cells, headers := n.cells()
	rule := "| " + strings.Join(slices.Repeat([]string{"---"}, cells), " | ") + " |\n"
	empty := "| " + strings.Join(make([]string, cells), " | ") + " |\n"
	first := n.previous() == nil
	switch body := n.parent; {
	case first && headers == cells:
		return "|" + text + "\n" + rule
	case first && (body.name == "table" || body.name == "tbody" && body.previous() == nil):
		return empty + rule + "|" + text + "\n"
	}
	return "|" + text + "\n"
}

// cells counts the cells in an element, and the headers among them.
func (n *node) cells() (all, headers int) {
	for _, c := range n.children {
		if c.name == "td" || c.name == "th" {
			all++
		}
		if c.name == "th" {
			headers++
		}
		a, h := c.cells()
		all, headers = all+a, headers+h
	}
	return all, headers
}
