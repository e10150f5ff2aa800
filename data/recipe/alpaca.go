package recipe

// alpacaRecipes holds the recipes of Stanford Alpaca: 52,002 instructions answered by
// text-davinci-003, all weights tuned.
func alpacaRecipes() []Recipe {
	alpaca := Recipe{
		Name:    "alpaca",
		Paper:   "Taori et al. 2023, Stanford Alpaca",
		Source:  "github.com/tatsu-lab/stanford_alpaca",
		License: "CC BY-NC 4.0",
		Note: "nothing follows \"### Response:\", so an answer that begins with a sign may share a token " +
			"with the colon",
		Format: "alpaca", Template: alpacaTemplate, Specials: true, Cutoff: 512,
		Presets: []Preset{
			trainer("repo").rate(2e-5, 3, 128, 512).cosine(0.03).
				note("13B: rate 1e-5, 5 epochs; the first README wrongly printed weight decay 1"),
		},
	}
	march := alpaca
	march.Name, march.BOS = "alpaca-mar2023", EOSToken
	march.Note = "the first release: the tokenizer gave </s> for both ends"
	return []Recipe{alpaca, march}
}

// alpacaTemplate has the prompts of Stanford Alpaca. Nothing follows the last
// colon.
var alpacaTemplate = Template{
	WithInput: "Below is an instruction that describes a task, paired with an input that provides further context. " +
		"Write a response that appropriately completes the request.\n\n" +
		"### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:",
	NoInput: "Below is an instruction that describes a task. " +
		"Write a response that appropriately completes the request.\n\n" +
		"### Instruction:\n{instruction}\n\n### Response:",
	Split: "### Response:",
}
