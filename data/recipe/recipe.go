package recipe

import (
	"slices"

	"fettle/internal/suggest"
)

// Recipe is how one system turns conversations into what its model sees: a
// value, not code.
type Recipe struct {
	Name    string
	Paper   string
	Source  string // the code the details follow
	License string // of the data the system published
	Note    string // what a user should know
	Format  string // the format of its data sets, for dataset_format: auto

	Template  Template                                           // around one instruction, when Dialogue is nil
	Dialogue  *Dialogue                                          // around the turns of a conversation
	Render    func(c Conversation, open bool) ([]Segment, error) `json:"-"` // instead of both: a chat template; open ends it where an answer begins
	RenderKey string                                             // what tells one Render from another; needed to cache what it made
	Chat      bool                                               // Render has room for a conversation
	Tools     bool                                               // and says which tools are on offer
	Upstream  *Dialogue                                          // what the system's own chat put around the turns, where training had other words

	BOS         Special  // what begins a sequence
	LearnPrompt bool     // the loss is on the prompt too
	Specials    bool     // "</s>" in the data becomes the control token, as in Hugging Face's slow tokenizer
	EndIfRoom   bool     // EOS follows only if the cut sequence leaves room; else it is cut with the text
	Finish      bool     // one more EOS ends the sequence
	HalfPrompt  bool     // the prompt is cut at half of the cutoff first
	Joined      bool     // text behind a control token goes on as if that were text ("legacy=False")
	ShiftMask   bool     // the mask lies too far left, by the length of the first segment
	Spoils      []string // texts that make the system learn nothing from a sample
	Stream      bool     // sequences are strung together and cut every Cutoff tokens
	Cutoff      int      // tokens of the longest sequence

	Stop    []string // texts at which generation ends, beside EOS
	Ends    []string // control tokens that end an answer as EOS does, by name
	Presets []Preset // hyper-parameters, as published
}

// Special names a control token.
type Special int

// The tokens a sequence can begin with. Tokenizers of March 2023 gave </s> for
// both.
const (
	BOSToken Special = iota
	EOSToken
	NoToken // what is laid out says all there is
)

// All lists the recipes, system by system.
func All() []Recipe {
	return slices.Concat(alpacaRecipes(), loraRecipes(), adapterRecipes(), vicunaRecipes(), koalaRecipes(), baizeRecipes(), gpt4allRecipes(), doctorRecipes())
}

// Converses reports whether the recipe has room for what was said before.
func (r Recipe) Converses() bool { return r.Dialogue != nil || r.Chat }

// EndsAnswers reports whether EOS ends the recipe's answers.
func (r Recipe) EndsAnswers() bool {
	return r.Dialogue == nil || r.Dialogue.End || r.Dialogue.Closing != "" || r.Finish
}

// Find looks a recipe up by name.
func Find(name string) (Recipe, error) {
	var names []string
	for _, r := range All() {
		if r.Name == name {
			return r, nil
		}
		names = append(names, r.Name)
	}
	return Recipe{}, suggest.Unknown("recipe", name, names)
}
