package clean

import (
	"html"
	"regexp"
	"slices"
	"strings"
)

// node is an element, a text or a comment of a parsed page.
type node struct {
	name       string // of an element; "" for a text, commentName for a comment
	attributes string
	text       string
	parent     *node
	children   []*node
	at         int // index among the parent's children
}

const (
	rootName    = "[document]"
	commentName = "[comment]"

	// deepest is the limit of nesting; deeper tags are ignored.
	deepest = 100
)

// Elements without content, and those whose content is text.
var (
	voidTags = []string{
		"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
	}
	rawTags = []string{"script", "style"}
)

var (
	tagPattern       = regexp.MustCompile(`^<(/?)([a-zA-Z][^\t\n\r\f />]*)((?:=\s*"[^"]*"|=\s*'[^']*'|[^>])*)>`)
	referencePattern = regexp.MustCompile(`&(?:[a-zA-Z][-.a-zA-Z0-9]*|#[0-9]+|#[xX][0-9a-fA-F]+);?`)

	// openReference is a reference without a semicolon at the end of a page. It stays text.
	openReference = regexp.MustCompile(`&(?:[a-zA-Z][-.a-zA-Z0-9]*|#[0-9]+|#[xX][0-9a-fA-F]+)$`)
)

// parse builds the tree that Beautiful Soup builds with Python's html.parser: an end
// tag closes the innermost element of its name and all inside it, end tags without a
// beginning are ignored, and no start tag closes another element.
func parse(text string) *node {
	p := parser{top: &node{name: rootName}, open: map[string]int{}}
	root, lastClose, comments := p.top, strings.LastIndexByte(text, '>'), true
	from := 0 // of the text behind the last tag
	for at := 0; at < lastClose; {
		if text[at] != '<' {
			at++
			continue
		}
		if comments && strings.HasPrefix(text[at:], "<!--") {
			end := strings.Index(text[at+4:], "-->")
			if comments = end >= 0; comments {
				p.put(unescape(text[from:at]))
				p.add(&node{name: commentName})
				at += 4 + end + 3
				from = at
				continue
			}
		}
		tag := tagPattern.FindStringSubmatch(text[at:])
		if tag == nil {
			at++
			continue
		}
		p.put(unescape(text[from:at]))
		at += len(tag[0])
		if name := strings.ToLower(tag[2]); tag[1] == "/" {
			p.end(name)
		} else {
			p.begin(name, tag[3])
			if slices.Contains(rawTags, name) {
				raw := rawText(text[at:], name)
				p.put(raw)
				at += len(raw)
			}
		}
		from = at
	}
	rest := text[from:]
	cut := len(rest) - len(openReference.FindString(rest))
	p.put(unescape(rest[:cut]) + rest[cut:])
	return root
}

// rawText returns the text of a script or style up to its end tag.
func rawText(text, name string) string {
	for at := 0; ; at += 2 {
		end := strings.Index(text[at:], "</")
		if end < 0 {
			return text
		}
		at += end
		if tag := text[at+2:]; len(tag) >= len(name) && strings.EqualFold(tag[:len(name)], name) {
			return text[:at]
		}
	}
}

// parser holds the open elements.
type parser struct {
	top   *node // the innermost
	depth int
	open  map[string]int // numbers of open elements, by name
}

// add appends a node to the innermost open element.
func (p *parser) add(n *node) {
	n.parent, n.at = p.top, len(p.top.children)
	p.top.children = append(p.top.children, n)
}

// put appends a text, to the text before it if there is one. Space alone becomes one
// character, except in pre.
func (p *parser) put(text string) {
	if text == "" {
		return
	}
	if strings.Trim(text, " \t\n\r\f") == "" && p.open["pre"] == 0 {
		if strings.Contains(text, "\n") {
			text = "\n"
		} else {
			text = " "
		}
	}
	p.add(&node{text: text})
}

// begin opens an element.
func (p *parser) begin(name, attributes string) {
	n := &node{name: name, attributes: attributes}
	closed := strings.HasSuffix(attributes, "/") || slices.Contains(voidTags, name)
	if p.depth >= deepest && !closed {
		return
	}
	p.add(n)
	if !closed {
		p.top = n
		p.open[name]++
		p.depth++
	}
}

// end closes the innermost open element of a name, and those inside it.
func (p *parser) end(name string) {
	for p.open[name] > 0 {
		popped := p.top
		p.top = popped.parent
		p.open[popped.name]--
		p.depth--
		if popped.name == name {
			return
		}
	}
}

// unescape replaces character references. An unknown one loses its semicolon, as in
// Beautiful Soup.
func unescape(text string) string {
	return referencePattern.ReplaceAllStringFunc(text, func(reference string) string {
		bare := strings.TrimSuffix(reference, ";")
		if known := html.UnescapeString(bare + ";"); !strings.HasSuffix(known, ";") {
			return known
		}
		return bare
	})
}

// attribute returns the value of an attribute by its pattern, "" if there is none.
func (n *node) attribute(pattern *regexp.Regexp) string {
	m := pattern.FindStringSubmatch(n.attributes)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1] + m[2] + m[3])
}

// Patterns of the attributes that Markdown can express.
var (
	hrefPattern  = attributePattern("href")
	srcPattern   = attributePattern("src")
	altPattern   = attributePattern("alt")
	titlePattern = attributePattern("title")
	startPattern = attributePattern("start")
)

// attributePattern matches name="value", name='value' and name=value.
func attributePattern(name string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)(?:^|[\s"'/])` + name + `\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]*))`)
}

// within reports whether an ancestor has the name.
func (n *node) within(name string) bool {
	for p := n.parent; p != nil; p = p.parent {
		if p.name == name {
			return true
		}
	}
	return false
}

// previous returns the sibling before the node, nil if there is none.
func (n *node) previous() *node { return n.sibling(-1) }

// next returns the sibling behind the node, nil if there is none.
func (n *node) next() *node { return n.sibling(1) }

// sibling returns the sibling step places behind the node.
func (n *node) sibling(step int) *node {
	if i := n.at + step; i >= 0 && i < len(n.parent.children) {
		return n.parent.children[i]
	}
	return nil
}
