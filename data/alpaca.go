package data

// Stanford Alpaca: 52,002 instructions answered by text-davinci-003, all
// weights tuned.

func alpacaRecipes() []Recipe {
	alpaca := Recipe{
		Name: "alpaca", Paper: "Taori et al. 2023, Stanford Alpaca", Source: "github.com/tatsu-lab/stanford_alpaca", License: "CC BY-NC 4.0",
		Note:   "nothing follows \"### Response:\", so an answer that begins with a sign may share a token with the colon",
		Format: "alpaca", Template: alpacaTemplate, Specials: true, Cutoff: 512,
		Presets: []Preset{
			trainer("repo", "full").rate(2e-5, 3, 128, 512).cosine(0.03).note("13B: rate 1e-5, 5 epochs; the first README wrongly printed weight decay 1"),
		},
	}
	march := alpaca
	march.Name, march.BOS = "alpaca-mar2023", EOSToken
	march.Note = "the first release: the tokenizer gave </s> for both ends"
	return []Recipe{alpaca, march}
}

// Alpaca-LoRA: Alpaca's data, a line break after the prompt, LoRA.

func loraRecipes() []Recipe {
	lora := Recipe{
		Name: "alpaca-lora", Paper: "Wang 2023, Alpaca-LoRA; Hu et al. 2021, arXiv:2106.09685", Source: "github.com/tloen/alpaca-lora", License: "CC BY-NC 4.0",
		Note:   "the loss is on the prompt too; alpaca-lora-masked learns answers only",
		Format: "alpaca", Template: alpacaTemplate.newline(), LearnPrompt: true, Specials: true, EndIfRoom: true, Cutoff: 256,
		Presets: []Preset{
			trainer("repo", "lora").rate(3e-4, 3, 128, 256).warm(100).lora(16, 0.05, queryValue()),
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

// official is what the adapter that Alpaca-LoRA published was trained with.
func official() Preset {
	p := trainer("official", "lora").rate(3e-4, 10, 128, 512).warm(100).lora(16, 0.05, []string{"q_proj", "k_proj", "v_proj", "o_proj"})
	p.Rank = 16
	return p.note("batches were grouped by length; the README advises rate 1e-4")
}

// LLaMA-Adapter V1: Alpaca's data and prompts, zero-init attention.

func adapterRecipes() []Recipe {
	repo := Preset{
		Name: "repo", Method: "llama-adapter", LearningRate: 1.125e-3, Schedule: "cosine", WarmupRatio: 0.4, Epochs: 5, Batch: 32, Cutoff: 512,
		WeightDecay: 0.02, Beta2: 0.95, Normalise: "micro-batch", PromptLen: 10, PromptLayers: 30,
		Note: "rate 9e-3·32/256; 2 of 5 epochs warm up",
	}
	paper := repo
	paper.Name, paper.LearningRate, paper.Batch, paper.Note = "paper", 9e-3, 64, "arXiv:2303.16199, section 4.1"
	return []Recipe{{
		Name: "llama-adapter", Paper: "Zhang et al. 2023, arXiv:2303.16199", Source: "github.com/OpenGVLab/LLaMA-Adapter", License: "CC BY-NC 4.0",
		Note:   "Alpaca's prompts; the original ignores label 0, so it could never learn <unk>; here every answer token is learned",
		Format: "alpaca", Template: alpacaTemplate, Cutoff: 512, Presets: []Preset{repo, paper},
	}}
}
