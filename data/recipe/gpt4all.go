package recipe

import "fmt"

// gpt4allRecipes holds the recipes of GPT4All, the LLaMA LoRA of March 2023: prompts and
// answers of GPT-3.5 without words around them.
func gpt4allRecipes() []Recipe {
	lora := Recipe{
		Name:    "gpt4all",
		Paper:   "Anand et al. 2023, GPT4All",
		Source:  "github.com/nomic-ai/gpt4all, gpt4all-training at cd70db2",
		License: "of the data: research only",
		Note: "prompt, line break and answer are tokenized one by one; a cut answer has no </s>, " +
			"so long code is not taught to stop early",
		Format: "prompt_completion", Render: promptAndAnswer, RenderKey: "prompt, line break, answer",
		Specials: true, EndIfRoom: true, HalfPrompt: true, Cutoff: 1024, Upstream: bindingsChat(),
		Presets: []Preset{{
			Name: "repo", LearningRate: 5e-5, Schedule: "constant_with_warmup", WarmupSteps: 100, Epochs: 4,
			Batch: 32, Cutoff: 1024, Beta2: 0.999, Clip: 1, Normalise: "micro-batch",
			Rank: 8, Alpha: 32, Dropout: 0.1, Targets: queryValue(),
		}},
	}
	head := lora
	head.Name, head.Render, head.RenderKey, head.EndIfRoom, head.HalfPrompt = "gpt4all-head", nil, "", false, false
	head.Template = bareTemplate.newline()
	head.Note = "the later data.py: one text, cut with the </s> at its end"
	return []Recipe{lora, head}
}

// promptAndAnswer lays out one prompt and one answer, with a line break between
// them. It is a Render.
func promptAndAnswer(c Conversation, open bool) ([]Segment, error) {
	r := Recipe{Name: "gpt4all"}
	err := r.onlySystem(c)
	if n := len(c.Turns); open && n > 0 && c.Turns[n-1].Asks() {
		c.Turns = c.Turns[n-1:]
	} else if err == nil {
		err = r.pair(c)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", c.Source, err)
	}
	prompt := c.Turns[0].Content()
	if c.System != "" {
		prompt = c.System + "\n\n" + prompt
	}
	segments := []Segment{{Text: prompt}, {Text: "\n", Apart: true}}
	if open {
		return segments, nil
	}
	return append(segments, Segment{Text: c.Turns[1].Text, Learn: c.Turns[1].Learned(true), Apart: true}), nil
}

// bindingsChat returns the words of the first bindings.
func bindingsChat() *Dialogue {
	return &Dialogue{
		System: "### Instruction: \n" +
			"            The prompt below is a question to answer, a task to complete, or a conversation \n" +
			"            to respond to; decide which and write an appropriate response.\n            ",
		User: "\n### Prompt: \n", Assistant: "\n### Response:", Gap: " ",
	}
}

// bareTemplate has no words around a prompt.
var bareTemplate = Template{WithInput: "{instruction}\n{input}", NoInput: "{instruction}"}
