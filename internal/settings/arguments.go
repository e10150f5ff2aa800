package settings

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/pflag"
)

// Words explains the words of a command line that are no flag of its command, and no value of one.
type Words struct {
	Operands  bool                     // the command takes words that belong to no flag
	Known     func(name string) string // what to do instead of a flag of other programs; "": it is no such flag
	Elsewhere func(name string) string // where a flag belongs that is not nearly one of the command; "": nowhere
	Stray     func(text string) string // what to do instead of words that belong to no flag
}

// Arguments checks a command's words and writes them as pflag reads them. Its error names all flags that the command
// does not have, those without their value, and words that belong to no flag. A word that looks like a flag is one, and
// a value only after an equals sign.
//
// A flag whose value may be left out is joined with the word after it, where that is a value of the flag:
// --shuffle False becomes --shuffle=False, --resume runs/a/checkpoint-000200 becomes --resume=runs/a/checkpoint-000200.
// Words after the first of a list are more of it: --lora_target_modules q_proj v_proj. A call for help is all that
// remains of its line.
func Arguments(flags *pflag.FlagSet, args []string, words Words) ([]string, error) {
	r := reader{flags: flags, words: words, rest: args}
	for len(r.rest) > 0 {
		word := r.next()
		name, value, equals := strings.Cut(word, "=")
		switch {
		case name == "--help", name == "-h":
			return []string{"--help"}, nil
		case word == "--" && words.Operands:
			r.joined, r.rest = append(append(r.joined, word), r.rest...), nil
		case word == "--":
			r.stray(r.rest...)
			r.rest = nil
		case !looksLikeFlag(word) && words.Operands:
			r.joined = append(r.joined, word)
		case !looksLikeFlag(word):
			stray := []string{word}
			for r.hasValue() {
				stray = append(stray, r.next())
			}
			r.stray(stray...)
		default:
			r.flag(name, value, equals)
		}
	}
	if r.problems != nil {
		return nil, r.problems
	}
	return r.joined, nil
}

var flagWord = regexp.MustCompile(`^(--?[A-Za-z][A-Za-z0-9._-]*|--)(=|$)`)

// looksLikeFlag tells --name, --name=value, -x and -name from values such as -1, - and "- an item".
func looksLikeFlag(word string) bool { return flagWord.MatchString(word) }

// reader goes through the words of a command.
type reader struct {
	flags    *pflag.FlagSet
	words    Words
	rest     []string
	joined   []string
	problems Problems
}

func (r *reader) next() string {
	word := r.rest[0]
	r.rest = r.rest[1:]
	return word
}

// hasValue reports whether a word that can be a value comes next.
func (r *reader) hasValue() bool { return len(r.rest) > 0 && !looksLikeFlag(r.rest[0]) }

func (r *reader) problem(name, format string, args ...any) {
	r.problems = append(r.problems, Problem{Place: Place{Flag, "", name}, Text: fmt.Sprintf(format, args...)})
}

// stray refuses words that belong to no flag.
func (r *reader) stray(words ...string) {
	if text := strings.Join(words, " "); text != "" {
		r.problems = append(r.problems, Problem{Place: Place{Flag, "", text}, Is: "unexpected argument",
			Text: r.words.Stray(text)})
	}
}

// flag reads a flag and its value.
func (r *reader) flag(name, value string, equals bool) {
	flag := r.flags.Lookup(strings.TrimLeft(name, "-"))
	switch {
	case flag == nil || !strings.HasPrefix(name, "--"):
		r.unknown(name, flag)
		if r.hasValue() {
			r.next()
		}
	case equals:
		r.joined = append(r.joined, name+"="+value)
	case flag.NoOptDefVal == "" && !r.hasValue():
		r.withoutValue(name, flag)
	case flag.NoOptDefVal == "":
		r.joined = append(r.joined, name, r.next())
		for flag.Value.Type() == "stringSlice" && r.hasValue() {
			r.joined = append(r.joined, name, r.next())
		}
	case !r.hasValue():
		r.joined = append(r.joined, name)
	case flag.Value.Type() == "bool" && r.words.Operands && !isTruth(r.rest[0]):
		r.joined = append(r.joined, name)
	case flag.Value.Type() == "bool":
		word := r.next()
		if _, err := truth(word); err != nil {
			r.problem(name, "%q after it is neither true nor false", word)
		}
		r.joined = append(r.joined, name+"="+word)
	default:
		r.joined = append(r.joined, name+"="+r.next())
	}
}

func isTruth(word string) bool {
	_, err := truth(word)
	return err == nil
}

// unknown names a flag that the command does not have, the flag of the same name if there is one.
func (r *reader) unknown(name string, same *pflag.Flag) {
	plain := canonical(strings.TrimLeft(name, "-"))
	text := ""
	if same != nil {
		text = fmt.Sprintf(": write --%s", same.Name)
	} else {
		text = cmp.Or(r.words.Known(plain), didYouMean(plain, r.names(false), "--"), r.words.Elsewhere(plain))
		if text == "" && len(plain) > 3 { // shorter words are near to anything
			text = didYouMean(plain, r.names(true), "--")
		}
	}
	r.problems = append(r.problems, Problem{Place: Place{Flag, "", name}, Is: "unknown flag", Text: text})
}

// names lists the flags of the command and their aliases, or the flags of other programs.
func (r *reader) names(others bool) (names []string) {
	r.flags.VisitAll(func(f *pflag.Flag) {
		if others == (f.Value.Type() == loose) {
			names = append(names, f.Name)
		}
	})
	return names
}

// withoutValue says what value a flag needs.
func (r *reader) withoutValue(name string, flag *pflag.Flag) {
	want := map[string]string{
		"int": "a whole number", "uint64": "a whole number", "float64": "a number",
		"stringSlice": "a list such as a,b", "stringArray": "a text",
	}[flag.Value.Type()]
	if want == "" {
		want = "a value"
	}
	if len(r.rest) == 0 {
		r.problem(name, "it needs %s after it", want)
		return
	}
	r.problem(name, "it needs %s after it, and %s is the next flag; %s=%s if that is the value", want, r.rest[0], name,
		r.rest[0])
}
