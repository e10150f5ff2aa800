package recipe

// koalaRecipes holds the recipes of Koala: shared conversations and open sets, with good
// answers and bad ones.
func koalaRecipes() []Recipe {
	return []Recipe{{
		Name:    "koala",
		Paper:   "Geng et al. 2023, Koala",
		Source:  "github.com/young-geng/EasyLM, github.com/young-geng/koala_data_pipeline",
		License: "several, by source",
		Note: "answers are tokenized on their own, sequences concatenated and cut every 2048 tokens, " +
			"two </s> end each; a bad answer stands behind \"An Unhelpful Answer:\"",
		Format: "koala", Cutoff: 2048, Stream: true, Finish: true,
		Dialogue: &Dialogue{
			System: "BEGINNING OF CONVERSATION:", SystemEnd: " ", User: "USER: ", UserEnd: " ",
			Assistant: "GPT:", Bad: "An Unhelpful Answer:", End: true, Apart: true,
		},
		Upstream: &Dialogue{
			System: "BEGINNING OF CONVERSATION:", SystemEnd: " ", User: "USER: ", UserEnd: " ",
			Assistant: "GPT:", End: true,
		},
		Presets: []Preset{{
			Name: "ours", LearningRate: 2e-5, Schedule: "cosine", WarmupRatio: 0.03, Epochs: 2,
			Batch: 128, Cutoff: 2048, WeightDecay: 1e-4, Beta2: 0.95, Clip: 1, Normalise: "row",
			Note: "rate, batch and length were never published; 2 epochs were, the rest are EasyLM's defaults",
		}},
	}}
}
