package recipe

import "strings"

// Template is the text around an instruction and its input.
type Template struct {
	WithInput string // has {instruction} and {input}
	NoInput   string // has {instruction}
	Split     string // the text right before the answer
}

// Prompt renders an instruction: with WithInput unless the input is "", a single
// space counts as input.
func (t Template) Prompt(instruction, input string) string {
	form := t.WithInput
	if input == "" {
		form = t.NoInput
	}
	before, rest, _ := strings.Cut(form, "{instruction}")
	middle, after, _ := strings.Cut(rest, "{input}")
	if input == "" {
		return before + instruction + rest
	}
	return before + instruction + middle + input + after
}

// newline returns the template with a line break at its end, as Alpaca-LoRA has
// it.
func (t Template) newline() Template {
	return Template{t.WithInput + "\n", t.NoInput + "\n", t.Split}
}
