package doctor

import (
	"os"
	"os/user"
	"regexp"
	"strings"
)

// Private holds what a report must not tell.
type Private struct {
	User, Host string
	Homes      []string // of the user, by the environment and by the system
	Secrets    []string // values, such as keys
}

// ReadPrivate asks the system.
func ReadPrivate(secrets ...string) Private {
	p := Private{Secrets: secrets}
	if home, err := os.UserHomeDir(); err == nil {
		p.Homes = []string{home}
	}
	p.Host, _ = os.Hostname()
	if u, err := user.Current(); err == nil {
		p.User, p.Homes = u.Username, append(p.Homes, u.HomeDir)
	}
	return p
}

// homes matches home directories of any user.
var homes = regexp.MustCompile(`(?:/home|/Users|[A-Za-z]:\\Users)[/\\][^/\\\s:,"']+`)

// login matches names and passwords in addresses.
var login = regexp.MustCompile(`://[^/\s@]+@`)

// Hide replaces home directories by ~, the host's name by HOST, the user's, in paths, by USER, and secrets by ***.
func (p Private) Hide(text string) string {
	for _, secret := range p.Secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	text = login.ReplaceAllLiteralString(text, "://***@")
	for _, home := range p.Homes {
		if home = strings.TrimRight(home, `/\`); len(home) > 1 {
			text = regexp.MustCompile(regexp.QuoteMeta(home)+`\b`).ReplaceAllLiteralString(text, "~")
		}
	}
	text = homes.ReplaceAllLiteralString(text, "~")
	if name := p.User[strings.LastIndexByte(p.User, '\\')+1:]; name != "" && name != "root" {
		text = regexp.MustCompile(`([/\\])`+regexp.QuoteMeta(name)+`\b`).ReplaceAllString(text, "${1}USER")
	}
	for _, host := range []string{p.Host, strings.SplitN(p.Host, ".", 2)[0]} {
		if len(host) > 1 && host != "localhost" {
			text = regexp.MustCompile(`\b`+regexp.QuoteMeta(host)+`\b`).ReplaceAllLiteralString(text, "HOST")
		}
	}
	return text
}

// Secret reports whether a variable's value is nobody's business, by its name.
func Secret(name string) bool {
	for _, word := range []string{"KEY", "TOKEN", "SECRET", "PASS", "CREDENTIAL", "AUTH", "BEARER", "PROMPT"} {
		if strings.Contains(strings.ToUpper(name), word) {
			return true
		}
	}
	return false
}
