package data

import (
	"fmt"
	"slices"
	"strings"
)

// Recipe is how one system turns conversations into what its model sees: a
// value, not code. Its sources are in docs/RECIPES.md.
type Recipe struct {
	Name    string
	Paper   string
	Source  string // the code the details follow
	License string // of the data the system published
	Format  string // the format of its data sets, for dataset_format: auto

	Template Template

	BOS         Special // what begins a sequence
	LearnPrompt bool    // the loss is on the prompt too
	Specials    bool    // "</s>" in the data becomes the control token, as in Hugging Face's slow tokenizer
	EndIfRoom   bool    // EOS follows only if the cut sequence leaves room; else it is cut with the text
	Cutoff      int     // tokens of the longest sequence

	Stop []string // texts at which generation ends, beside EOS
}

// Special names a control token.
type Special int

// The tokens a sequence can begin with. Tokenizers of March 2023 gave </s> for
// both.
const (
	BOSToken Special = iota
	EOSToken
)

// Template is the text around an instruction and its input.
type Template struct {
	WithInput string // has {instruction} and {input}
	NoInput   string // has {instruction}
	Split     string // what stands right before the answer
}

// Prompt renders an instruction. The variant with input is taken when there is
// any input at all, a single space included.
func (t Template) Prompt(instruction, input string) string {
	if input == "" {
		return strings.NewReplacer("{instruction}", instruction).Replace(t.NoInput)
	}
	return strings.NewReplacer("{instruction}", instruction, "{input}", input).Replace(t.WithInput)
}

// Recipes lists the recipes, in the order of their publication.
func Recipes() []Recipe {
	alpaca := Recipe{
		Name: "alpaca", Paper: "Taori et al. 2023, Stanford Alpaca", Source: "github.com/tatsu-lab/stanford_alpaca", License: "CC BY-NC 4.0",
		Format: "alpaca", Template: alpacaTemplate, Specials: true, Cutoff: 512,
	}
	march := alpaca
	march.Name, march.BOS = "alpaca-mar2023", EOSToken
	lora := Recipe{
		Name: "alpaca-lora", Paper: "Wang 2023, Alpaca-LoRA; Hu et al. 2021, arXiv:2106.09685", Source: "github.com/tloen/alpaca-lora", License: "CC BY-NC 4.0",
		Format: "alpaca", Template: alpacaTemplate.newline(), LearnPrompt: true, Specials: true, EndIfRoom: true, Cutoff: 256,
	}
	masked := lora
	masked.Name, masked.LearnPrompt = "alpaca-lora-masked", false
	legacy, short, vigogne := lora, lora, lora
	legacy.Name, legacy.Template = "alpaca-lora-legacy", alpacaTemplate
	short.Name, short.Template = "alpaca-lora-short", shortTemplate
	vigogne.Name, vigogne.Template = "alpaca-lora-vigogne", vigogneTemplate
	adapter := alpaca
	adapter.Name, adapter.Paper, adapter.Source = "llama-adapter", "Zhang et al. 2023, arXiv:2303.16199", "github.com/OpenGVLab/LLaMA-Adapter"
	adapter.Specials = false
	doctor := march
	doctor.Name, doctor.Paper, doctor.Source = "chatdoctor", "Li et al. 2023, arXiv:2303.14070", "github.com/Kent0n-Li/ChatDoctor"
	doctor.License = "Apache-2.0 code; data for research"
	return []Recipe{alpaca, march, lora, masked, legacy, short, vigogne, adapter, doctor}
}

// Find looks a recipe up by name.
func Find(name string) (Recipe, error) {
	var names []string
	for _, r := range Recipes() {
		if r.Name == name {
			return r, nil
		}
		names = append(names, r.Name)
	}
	nearest := slices.MinFunc(names, func(a, b string) int { return distance(a, name) - distance(b, name) })
	if distance(nearest, name) <= 3 {
		return Recipe{}, fmt.Errorf("unknown recipe %q, did you mean %q", name, nearest)
	}
	return Recipe{}, fmt.Errorf("unknown recipe %q, want one of %s", name, strings.Join(names, ", "))
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// The prompts of Stanford Alpaca: nothing follows the last colon.
var alpacaTemplate = Template{
	WithInput: "Below is an instruction that describes a task, paired with an input that provides further context. " +
		"Write a response that appropriately completes the request.\n\n### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:",
	NoInput: "Below is an instruction that describes a task. " +
		"Write a response that appropriately completes the request.\n\n### Instruction:\n{instruction}\n\n### Response:",
	Split: "### Response:",
}

// newline ends the prompts with a line break, as Alpaca-LoRA does.
func (t Template) newline() Template {
	return Template{t.WithInput + "\n", t.NoInput + "\n", t.Split}
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
