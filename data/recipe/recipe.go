// Package recipe describes how published systems turned conversations into
// training text: the text around the turns, the loss mask, how sequences begin and
// end, and the hyper-parameters. A recipe is a value with its paper and
// license; All lists them.
package recipe

import (
	"slices"

	"fettle/internal/suggest"
)

// Recipe describes how one system lays conversations out for its model and which
// tokens it learns. It is a value: functions of this package and of encode carry
// it out.
type Recipe struct {
	Name    string
	Paper   string
	Source  string // the code that the details follow
	License string // of the data that the system published
	Note    string // for users
	Format  string // of the system's data sets, one of source.Formats

	// One of these lays conversations out: Render if it is set, else Dialogue if
	// it is, else Template, which takes one instruction and one answer.
	Template Template
	Dialogue *Dialogue
	Render   Render `json:"-"`

	RenderKey string    // identifies Render; without it, encoded sets are not cached
	Chat      bool      // Render takes conversations of any length
	Tools     bool      // Render prints the tools on offer
	Upstream  *Dialogue // the system's own chat, where its words differ from training's

	BOS         Special  // the first token
	LearnPrompt bool     // the loss includes the prompt
	Specials    bool     // "</s>" in the data becomes the control token, as in Hugging Face's slow tokenizer
	EndIfRoom   bool     // EOS is added after the cut, if there is room; otherwise before, and may be cut off
	Finish      bool     // one more EOS ends the sequence
	HalfPrompt  bool     // the prompt is cut to half of the cutoff first
	Joined      bool     // text behind a control token gets no leading space ("legacy=False")
	ShiftMask   bool     // the mask is shifted to the left by the length of the first segment
	Spoils      []string // texts that mask the whole conversation, if it is shorter than the cutoff
	AnswerMark  string   // stands once between two ends; otherwise the whole conversation is masked
	Stream      bool     // sequences are concatenated and cut every Cutoff tokens
	Cutoff      int      // tokens of the longest sequence

	Stop    []string // texts that end generation, besides EOS
	Ends    []string // names of control tokens that end an answer, besides EOS
	Presets []Preset // published hyper-parameters
}

// Render lays a conversation out; open: only up to where the next answer begins.
type Render func(c Conversation, open bool) ([]Segment, error)

// Special is a choice of the first token of a sequence.
type Special int

// The first tokens. Tokenizers of March 2023 had </s> as BOS.
const (
	BOSToken Special = iota
	EOSToken
	NoToken // the layout has it, or there is none
)

// All returns the recipes, system by system.
func All() []Recipe {
	return slices.Concat(
		alpacaRecipes(), alpacaLoRARecipes(), llamaAdapterRecipes(), vicunaRecipes(),
		koalaRecipes(), baizeRecipes(), gpt4allRecipes(), chatDoctorRecipes(),
	)
}

// Converses reports whether the recipe lays out conversations of more than one
// instruction.
func (r Recipe) Converses() bool { return r.Dialogue != nil || r.Chat }

// EndsAnswers reports whether EOS ends the recipe's answers.
func (r Recipe) EndsAnswers() bool {
	return r.Dialogue == nil || r.Dialogue.End || r.Dialogue.Closing != "" || r.Finish
}

// Find returns the recipe of a name.
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
