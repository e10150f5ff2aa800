package adapter

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/dlclark/regexp2/v2"
	"github.com/dlclark/regexp2/v2/syntax"
)

// pythonRegexp is a regular expression of Python's re, which PEFT matches with paths of modules. Package regexp lacks
// look-ahead, look-behind and back-references.
type pythonRegexp struct {
	text string
	re   *regexp2.Regexp
}

// Bounds of one match. Paths have about forty bytes, so that only a pattern whose time is exponential exceeds them.
const (
	matchTime  = time.Second
	matchStack = 1 << 20
)

// compileFull returns an expression that matches whole paths, as re.fullmatch does.
func compileFull(text string) (*pythonRegexp, error) {
	if _, err := compilePython(text, text); err != nil { // parentheses must not pair with those around it
		return nil, err
	}
	end := `)\Z`
	if verbose.MatchString(text) { // the last line may be a comment
		end = "\n" + end
	}
	return compilePython(text, `\A(?:`+text+end)
}

// verbose finds the flag x at the beginning of an expression.
var verbose = regexp.MustCompile(`^\(\?[a-z]*x[a-z]*\)`)

// compileEnding returns an expression that matches whole paths or what follows one of their dots. It is PEFT's own,
// re.match(r"(.*\.)?(KEY)$", path), whose groups count in back-references.
func compileEnding(text string) (*pythonRegexp, error) {
	return compilePython(text, `\A(.*\.)?(`+text+`)$`)
}

// compileLayer returns an expression whose group idx is the number of a path's layer, which text stands before.
func compileLayer(text string) (*pythonRegexp, error) {
	return compilePython(text, `\A(?:^|.*?\.)`+text+`\.(?P<idx>\d+)\.`)
}

func compilePython(text, whole string) (*pythonRegexp, error) {
	re, err := regexp2.Compile(fromPython(whole),
		regexp2.OptionMaintainCaptureOrder(), regexp2.OptionMaxBacktrackingStackSize(matchStack))
	var bad *syntax.Error
	if errors.As(err, &bad) { // without the expression around the text
		err = fmt.Errorf(bad.Code.String(), bad.Args...)
	}
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", text, err)
	}
	re.MatchTimeout = matchTime
	return &pythonRegexp{text, re}, nil
}

// matches reports whether a path matches; an error says that the time for it ran out.
func (p *pythonRegexp) matches(path string) (bool, error) {
	ok, err := p.re.MatchString(path)
	return ok, p.explain(path, err)
}

// group returns what a group matches, and whether the expression matches the beginning of a path.
func (p *pythonRegexp) group(path, name string) (string, bool, error) {
	m, err := p.re.FindStringMatch(path)
	if err != nil || m == nil {
		return "", false, p.explain(path, err)
	}
	return m.GroupByName(name).String(), true, nil
}

func (p *pythonRegexp) explain(path string, err error) error {
	if err == nil {
		return nil
	}
	if !errors.Is(err, regexp2.ErrBacktrackingStackLimit) {
		err = fmt.Errorf("no answer within %v; its time may be exponential", matchTime)
	}
	return fmt.Errorf("regular expression %q on %s: %w", p.text, path, err)
}

// fromPython rewrites what .NET's syntax, that of regexp2, spells in another way: (?P<name>…), (?P=name), \Z, {,n} and
// a [ inside a class.
func fromPython(text string) string {
	var b strings.Builder
	class := 0 // where the open class began, plus one; 0: outside
	for i := 0; i < len(text); i++ {
		rest := text[i:]
		switch {
		case rest[0] == '\\' && len(rest) > 1:
			if class == 0 && rest[1] == 'Z' {
				b.WriteString(`\z`)
			} else {
				b.WriteString(rest[:2])
			}
			i++
		case class > 0:
			if rest[0] == '[' {
				b.WriteByte('\\')
			}
			b.WriteByte(rest[0])
			if rest[0] == ']' && i >= class {
				class = 0
			}
		case rest[0] == '[':
			b.WriteByte('[')
			class = i + 1
			for _, first := range []byte("^]") { // a ] that comes first is an element
				if class < len(text) && text[class] == first {
					b.WriteByte(first)
					class++
				}
			}
			i = class - 1
		case strings.HasPrefix(rest, "(?P<"):
			b.WriteString("(?<")
			i += len("(?P<") - 1
		case strings.HasPrefix(rest, "(?P="):
			name, _, _ := strings.Cut(rest[len("(?P="):], ")")
			b.WriteString(`\k<` + name + `>`)
			i += len("(?P=") + len(name)
		case strings.HasPrefix(rest, "{,"):
			b.WriteString("{0,")
			i++
		default:
			b.WriteByte(rest[0])
		}
	}
	return b.String()
}
