package recipe

import "strings"

// Template is the text around an instruction and its input.
type Template struct {
	WithInput string // has {instruction} and {input}
	NoInput   string // has {instruction}
	Split     string // what stands right before the answer
}

// Prompt renders an instruction. The variant with input is taken when there is
// any input at all, a single space included.
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

// newline ends the prompts with a line break, as Alpaca-LoRA does.
func (t Template) newline() Template {
	return Template{t.WithInput + "\n", t.NoInput + "\n", t.Split}
}
