// Package look holds the one style sheet of fettle's pages: the chat page, reports, inspections and the dashboard.
// look.css names its classes in comments. A page that is one file puts CSS into a style element, and Hash into its
// content security policy; a server sends CSS as a file.
package look

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
)

//go:embed look.css
var css string

// CSS returns the style sheet.
func CSS() string { return css }

// Icon returns a picture of the letter f for a link element, as a data URL: pages load nothing for it.
func Icon() template.URL {
	const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">` +
		`<rect width="16" height="16" rx="4" fill="#9c4a26"/>` +
		`<path d="M5 13V7.5a3 3 0 0 1 3-3h2.5M3.5 8.5h6" fill="none" stroke="#fff" stroke-width="1.8"/></svg>`
	return template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(svg)))
}

// Hash returns the source expression by which a content security policy permits an inline script or style of exactly
// this text: 'sha256-…'.
func Hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
