package recipe

// llamaAdapterRecipes holds the recipes of LLaMA-Adapter V1: Alpaca's data and prompts,
// zero-init attention.
func llamaAdapterRecipes() []Recipe {
	repo := Preset{
		Name: "repo", LearningRate: 1.125e-3, Schedule: "cosine", WarmupRatio: 0.4,
		Epochs: 5, Batch: 32, Cutoff: 512, WeightDecay: 0.02, Beta2: 0.95, Normalise: "micro-batch",
		PromptLen: 10, PromptLayers: 30,
		Note: "rate 9e-3·32/256; 2 of 5 epochs warm up",
	}
	paper := repo
	paper.Name, paper.LearningRate, paper.Batch, paper.Note = "paper", 9e-3, 64, "arXiv:2303.16199, section 4.1"
	return []Recipe{{
		Name:    "llama-adapter",
		Paper:   "Zhang et al. 2023, arXiv:2303.16199",
		Source:  "github.com/OpenGVLab/LLaMA-Adapter",
		License: "CC BY-NC 4.0",
		Note: "Alpaca's prompts; the original ignores label 0, so it could never learn <unk>; " +
			"here every answer token is learned",
		Format: "alpaca", Template: alpacaTemplate, Cutoff: 512, Presets: []Preset{repo, paper},
	}}
}
