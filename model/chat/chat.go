// Package chat answers prompts with a model, its adapter, its tokenizer and the recipe that it was tuned with.
//
// A Model combines these parts; ChooseRecipe selects its recipe. A Conversation answers one question after another in
// one session. An Engine serves several models through model/serve.
package chat

import (
	"errors"
	"fmt"
	"slices"

	"fettle/data/encode"
	"fettle/data/recipe"
	"fettle/internal/fault"
	"fettle/model"
	"fettle/model/generate"
	"fettle/model/tokenizer"
)

// The parts fit.
var (
	_ generate.Decoder = (*model.Session)(nil)
	_ encode.Tokenizer = (*tokenizer.Tokenizer)(nil)
)

// Model is a chat model.
type Model struct {
	Weights    *model.Model // with the adapter
	Adapter    string       // what the adapter computes, for people; "": there is none
	Tokenizer  *tokenizer.Tokenizer
	Recipe     *recipe.Recipe // the prompt template; nil: unknown
	OwnPrompt  bool           // the recipe is the model's own chat template, chosen by default
	NoPrompt   error          // why the model's chat template cannot be used
	Generation Generation     // the model's own settings
	Context    int            // tokens that prompt and answer can have together; 0: the model's positions
}

// Capacity returns the tokens that prompt and answer can have together.
func (m *Model) Capacity() int {
	if most := m.Weights.Config().MaxPositions; m.Context <= 0 || m.Context > most {
		return most
	}
	return m.Context
}

// Prompt renders an instruction and its input in the recipe.
func (m *Model) Prompt(instruction, about string) ([]int32, error) {
	if instruction == "" {
		return nil, fault.Mark(errors.New("prompt is missing: the instruction"), fault.Usage)
	}
	return m.Render(recipe.Instruction(instruction, about))
}

// Render renders a dialogue in the recipe up to where its next answer begins.
func (m *Model) Render(d recipe.Conversation) ([]int32, error) {
	prompt, err := encode.New(m.Tokenizer, *m.Recipe).Prompt(d)
	return prompt, fault.Mark(err, fault.Input)
}

// Raw tokenizes a text to continue: what the tokenizer puts before a text, and the unchanged text. What it puts behind
// a text would end it.
func (m *Model) Raw(text string) []int32 {
	before, _ := m.Tokenizer.Specials()
	return append(slices.Clone(before), m.Tokenizer.Encode(text)...)
}

// Continues reports whether tokens end in a text, which an answer continues: a control token such as BOS begins one.
func (m *Model) Continues(tokens []int32) bool {
	return len(tokens) > 0 && !m.Tokenizer.Control(tokens[len(tokens)-1])
}

// NoRecipe returns the error of a model without a recipe; advice names a remedy.
func (m *Model) NoRecipe(advice string) error {
	err := fmt.Errorf("no prompt template: %s", advice)
	if m.NoPrompt != nil {
		err = fmt.Errorf("%w\nThe model's own chat template cannot be used: %w", err, m.NoPrompt)
	}
	return fault.Mark(err, fault.Usage)
}
