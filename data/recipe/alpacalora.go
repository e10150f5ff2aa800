package recipe

// alpacaLoRARecipes holds the recipes of Alpaca-LoRA: Alpaca's data, a line break after
// the prompt, LoRA.
func alpacaLoRARecipes() []Recipe {
	lora := Recipe{
		Name:    "alpaca-lora",
		Paper:   "Wang 2023, Alpaca-LoRA; Hu et al. 2021, arXiv:2106.09685",
		Source:  "github.com/tloen/alpaca-lora",
		License: "CC BY-NC 4.0",
		Note:    "the loss is on the prompt too; alpaca-lora-masked learns answers only",
		Format:  "alpaca", Template: alpacaTemplate.newline(),
		LearnPrompt: true, Specials: true, EndIfRoom: true, Cutoff: 256,
		Presets: []Preset{
			trainer("repo").rate(3e-4, 3, 128, 256).warm(100).lora(16, 0.05, queryValue()),
			official(),
		},
	}
	masked := lora
	masked.Name, masked.LearnPrompt, masked.Note = "alpaca-lora-masked", false, "train_on_inputs=False"
	legacy, short, vigogne := lora, lora, lora
	legacy.Name, legacy.Template, legacy.Note = "alpaca-lora-legacy", alpacaTemplate, "Alpaca's prompts as they were"
	short.Name, short.Template, short.Note = "alpaca-lora-short", shortTemplate, "without the preamble"
	vigogne.Name, vigogne.Template, vigogne.Note = "alpaca-lora-vigogne", vigogneTemplate, "French"
	return []Recipe{lora, masked, legacy, short, vigogne}
}

// official returns the hyper-parameters of the adapter that Alpaca-LoRA published.
func official() Preset {
	p := trainer("official").rate(3e-4, 10, 128, 512).warm(100).
		lora(16, 0.05, []string{"q_proj", "k_proj", "v_proj", "o_proj"})
	p.Rank = 16
	return p.note("batches were grouped by length; the README advises rate 1e-4")
}

// shortTemplate has Alpaca's prompts without the preamble.
var shortTemplate = Template{
	WithInput: "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n",
	NoInput:   "### Instruction:\n{instruction}\n\n### Response:\n",
	Split:     "### Response:",
}

// vigogneTemplate has the French prompts of Vigogne.
var vigogneTemplate = Template{
	WithInput: "Ci-dessous se trouve une instruction qui décrit une tâche, associée à une entrée qui fournit " +
		"un contexte supplémentaire. Écrivez une réponse qui complète correctement la demande.\n\n" +
		"### Instruction:\n{instruction}\n\n### Entrée:\n{input}\n\n### Réponse:\n",
	NoInput: "Ci-dessous se trouve une instruction qui décrit une tâche. " +
		"Écrivez une réponse qui complète correctement la demande.\n\n" +
		"### Instruction:\n{instruction}\n\n### Réponse:\n",
	Split: "### Réponse:",
}
