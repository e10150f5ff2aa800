package recipe

// chatDoctorRecipes holds the recipes of ChatDoctor: an Alpaca tuned on 100,000
// conversations of patients and physicians.
func chatDoctorRecipes() []Recipe {
	doctor := Recipe{
		Name:    "chatdoctor",
		Paper:   "Li et al. 2023, arXiv:2303.14070",
		Source:  "github.com/Kent0n-Li/ChatDoctor",
		License: "Apache-2.0 code; data for research",
		Note: "its chat uses other words than its training; sequences begin with </s>, " +
			"as with tokenizers of March 2023",
		Format: "alpaca", Template: alpacaTemplate, BOS: EOSToken, Specials: true, Cutoff: 512,
		Upstream: doctorChat(), Stop: []string{"Patient: "},
		Presets: []Preset{
			trainer("repo").rate(2e-6, 1, 128, 512).cosine(0.03).
				note("the README's command, on a model tuned on Alpaca first"),
			trainer("paper").rate(2e-5, 3, 192, 512).cosine(0.03),
		},
	}
	lora := doctor
	lora.Name, lora.Template, lora.BOS = "chatdoctor-lora", doctorTemplate, BOSToken
	lora.LearnPrompt, lora.EndIfRoom, lora.Cutoff = true, true, 256
	lora.Note = "the LoRA script: prompts indented by 16 spaces, the loss is on the prompt too"
	lora.Presets = []Preset{
		trainer("repo").rate(3e-5, 1, 32, 256).warm(100).lora(16, 0.05, queryValue()).
			note("the warm-up is ours; otherwise the script is Alpaca-LoRA's"),
	}
	return []Recipe{doctor, lora}
}

// doctorChat returns the words of chat.py.
func doctorChat() *Dialogue {
	return &Dialogue{
		System:    "If you are a doctor, please answer the medical questions based on the patient's description.",
		SystemEnd: " \n\nChatDoctor: I am ChatDoctor, what medical questions do you have?\n\n",
		User:      "Patient: ", UserEnd: "\n\n", Assistant: "ChatDoctor: ", AssistantEnd: "\n\n",
	}
}

// margin is the indentation inside the prompts of ChatDoctor's script.
const margin = "\n                "

// doctorTemplate has the prompts of ChatDoctor's LoRA script, with its trailing
// spaces.
var doctorTemplate = Template{
	WithInput: "Below is an instruction that describes a task, paired with an input that provides further context. " +
		"Write a response that appropriately completes the request. \n" + margin +
		"### Instruction:" + margin + "{instruction}" + margin + margin +
		"### Input:" + margin + "{input}" + margin + margin + "### Response:" + margin,
	NoInput: "Below is an instruction that describes a task. " +
		"Write a response that appropriately completes the request.  \n" + margin +
		"### Instruction:" + margin + "{instruction}" + margin + margin + "### Response:" + margin,
	Split: "### Response:",
}
