package data

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

// The prompts of Stanford Alpaca: nothing follows the last colon.
var alpacaTemplate = Template{
	WithInput: "Below is an instruction that describes a task, paired with an input that provides further context. " +
		"Write a response that appropriately completes the request.\n\n### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:",
	NoInput: "Below is an instruction that describes a task. " +
		"Write a response that appropriately completes the request.\n\n### Instruction:\n{instruction}\n\n### Response:",
	Split: "### Response:",
}

var shortTemplate = Template{
	WithInput: "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n",
	NoInput:   "### Instruction:\n{instruction}\n\n### Response:\n",
	Split:     "### Response:",
}

var vigogneTemplate = Template{
	WithInput: "Ci-dessous se trouve une instruction qui décrit une tâche, associée à une entrée qui fournit un contexte supplémentaire. " +
		"Écrivez une réponse qui complète correctement la demande.\n\n### Instruction:\n{instruction}\n\n### Entrée:\n{input}\n\n### Réponse:\n",
	NoInput: "Ci-dessous se trouve une instruction qui décrit une tâche. " +
		"Écrivez une réponse qui complète correctement la demande.\n\n### Instruction:\n{instruction}\n\n### Réponse:\n",
	Split: "### Réponse:",
}

// margin is the indentation that ChatDoctor's script has inside its prompts.
const margin = "\n                "

// The prompts of ChatDoctor's LoRA script, trailing spaces and all.
var doctorTemplate = Template{
	WithInput: "Below is an instruction that describes a task, paired with an input that provides further context. " +
		"Write a response that appropriately completes the request. \n" + margin + "### Instruction:" + margin + "{instruction}" + margin +
		margin + "### Input:" + margin + "{input}" + margin + margin + "### Response:" + margin,
	NoInput: "Below is an instruction that describes a task. " +
		"Write a response that appropriately completes the request.  \n" + margin + "### Instruction:" + margin + "{instruction}" + margin +
		margin + "### Response:" + margin,
	Split: "### Response:",
}

// GPT4All has no words of its own around a prompt.
var bareTemplate = Template{WithInput: "{instruction}\n{input}", NoInput: "{instruction}"}
