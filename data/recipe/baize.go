package recipe

// baizeRecipes holds the recipes of Baize: ChatGPT in conversation with itself, LoRA.
func baizeRecipes() []Recipe {
	baize := Recipe{
		Name:    "baize",
		Paper:   "Xu et al. 2023, arXiv:2304.01196",
		Source:  "github.com/project-baize/baize-chatbot",
		License: "CC BY-NC 4.0",
		Note: "everything is learned, the human's turns too; its chat has another preamble " +
			"and no spaces behind the markers",
		Format: "baize", Specials: true, LearnPrompt: true, Cutoff: 512, Stop: []string{"[|Human|]", "[|AI|]"},
		Dialogue: &Dialogue{
			System: "The conversation between human and AI assistant.", SystemEnd: "\n",
			User: "[|Human|] ", UserEnd: "\n", Assistant: "[|AI|]", Gap: " ", AssistantEnd: "\n", Closing: "[|Human|] ",
			DropFirst: true, DropLast: true,
		},
		Upstream: &Dialogue{
			System: "The following is a conversation between a human and an AI assistant named Baize " +
				"(named after a mythical creature in Chinese folklore). Baize is an open-source AI assistant " +
				"developed by UCSD and Sun Yat-Sen University. The human and the AI assistant take turns chatting. " +
				"Human statements start with [|Human|] and AI assistant statements start with [|AI|]. " +
				"The AI assistant always provides responses in as much detail as possible, and in Markdown format. " +
				"The AI assistant always declines to engage with topics, questions and instructions related to " +
				"unethical, controversial, or sensitive issues. Complete the transcript in exactly that format.",
			SystemEnd: "\n[|Human|]Hello!\n[|AI|]Hi!", User: "\n[|Human|]", Assistant: "\n[|AI|]",
		},
		Presets: []Preset{
			trainer("repo").rate(2e-4, 1, 64, 512).warm(100).
				lora(16, 0.05, []string{"q_proj", "k_proj", "v_proj", "gate_proj", "up_proj", "down_proj"}).
				note("13B: rate 1e-4, 30B: 5e-5; the paper says all linear layers, the code leaves o_proj out"),
			trainer("paper").rate(2e-4, 1, 64, 512).warm(100).
				lora(16, 0.05, []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}).
				note("13B: rate 1e-4, 30B: 5e-5; all linear layers, where the code leaves o_proj out; " +
					"the warm-up is the code's"),
		},
	}
	answers := baize
	answers.Name, answers.LearnPrompt, answers.Cutoff = "baize-v1.5", false, 1024
	answers.Note = "v1.5 learned the AI's turns only; that its text is v1's is our assumption"
	return []Recipe{baize, answers}
}
