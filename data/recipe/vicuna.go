package recipe

// vicunaRecipes holds the recipes of Vicuna: conversations that users of ChatGPT shared.
func vicunaRecipes() []Recipe {
	vicuna := Recipe{
		Name:    "vicuna",
		Paper:   "Chiang et al. 2023, Vicuna; Zheng et al. 2023, arXiv:2306.05685",
		Source:  "github.com/lm-sys/FastChat",
		License: "data not published",
		Note:    "v1.1 and v1.3; every answer is learned with the </s> behind it",
		Format:  "sharegpt", Specials: true, Cutoff: 2048, Spoils: []string{"<unk>"}, AnswerMark: " ASSISTANT: ",
		Dialogue: &Dialogue{
			System: "A chat between a curious user and an artificial intelligence assistant. " +
				"The assistant gives helpful, detailed, and polite answers to the user's questions.",
			SystemEnd: " ", User: "USER: ", UserEnd: " ", Assistant: "ASSISTANT:", Gap: " ", End: true,
			Bare: true, DropFirst: true,
		},
		Presets: []Preset{
			trainer("repo").rate(2e-5, 3, 128, 2048).cosine(0.03),
			trainer("ours").rate(2e-4, 3, 128, 2048).cosine(0.03).lora(16, 0.05, queryValue()).
				note("rank, alpha and targets are FastChat's LoRA script's; its 150 epochs are not"),
		},
	}
	joined := vicuna
	joined.Name, joined.Joined = "vicuna-v1.5", true
	joined.Note = "for tokenizers with legacy=False, which put no space in front of a text behind </s>"
	early := Recipe{
		Name: "vicuna-v0", Paper: vicuna.Paper, Source: vicuna.Source, License: vicuna.License,
		Note: "the first release: no </s> anywhere, the header and \"### Assistant:\" are learned; " +
			"its chat used other words",
		Format: "sharegpt", Specials: true, Cutoff: 2048, BOS: EOSToken, Upstream: earlyChat(), Stop: []string{"###"},
		Dialogue: &Dialogue{
			System: earlySystem, SystemEnd: "\n\n", User: "### Human: ", UserEnd: "\n",
			Assistant: "### Assistant:", Gap: " ", AssistantEnd: "\n", LearnFrame: true, DropFirst: true,
		},
		Presets: []Preset{
			trainer("repo").rate(2e-5, 3, 32, 2048).cosine(0.03).
				note("the command's batch; the README's table says 128"),
		},
	}
	released := early
	released.Name, released.ShiftMask = "vicuna-v0-released", true
	released.Note = "with the released trainer's mistake: the mask is shifted to the left by the length of the header"
	return []Recipe{vicuna, joined, early, released}
}

// earlySystem is the system message of the first release.
const earlySystem = "A chat between a curious human and an artificial intelligence assistant. " +
	"The assistant gives helpful, detailed, and polite answers to the human's questions."

// earlyChat returns FastChat's conv_v1_2, with its example.
func earlyChat() *Dialogue {
	return &Dialogue{
		System: earlySystem,
		SystemEnd: "###Human: What are the key differences between renewable and non-renewable energy " +
			"sources?###Assistant: Renewable energy sources are those that can be replenished naturally in a " +
			"relatively short amount of time, such as solar, wind, hydro, geothermal, and biomass. " +
			"Non-renewable energy sources, on the other hand, are finite and will eventually be depleted, " +
			"such as coal, oil, and natural gas. Here are some key differences between renewable and " +
			"non-renewable energy sources:\n" +
			"1. Availability: Renewable energy sources are virtually inexhaustible, while non-renewable " +
			"energy sources are finite and will eventually run out.\n" +
			"2. Environmental impact: Renewable energy sources have a much lower environmental impact than " +
			"non-renewable sources, which can lead to air and water pollution, greenhouse gas emissions, and " +
			"other negative effects.\n" +
			"3. Cost: Renewable energy sources can be more expensive to initially set up, but they typically " +
			"have lower operational costs than non-renewable sources.\n" +
			"4. Reliability: Renewable energy sources are often more reliable and can be used in more remote " +
			"locations than non-renewable sources.\n" +
			"5. Flexibility: Renewable energy sources are often more flexible and can be adapted to " +
			"different situations and needs, while non-renewable sources are more rigid and inflexible.\n" +
			"6. Sustainability: Renewable energy sources are more sustainable over the long term, while " +
			"non-renewable sources are not, and their depletion can lead to economic and social " +
			"instability.\n",
		User: "###Human: ", Assistant: "###Assistant:", Gap: " ",
	}
}
