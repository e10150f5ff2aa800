package chat

import (
	"fmt"
	"strings"

	"fettle/data/chattemplate"
	"fettle/data/encode"
	"fettle/data/recipe"
	"fettle/internal/fault"
	"fettle/internal/readfile"
)

// OwnTemplate names the recipe that is a model's own chat template.
const OwnTemplate = "chat_template"

// FindRecipe finds a recipe by its name: a built-in one, a file.jinja, or chat_template, which is the template of the
// first of dirs that has one.
func FindRecipe(name string, tok encode.Tokenizer, dirs ...string) (recipe.Recipe, Template, error) {
	var t Template
	var err error
	switch {
	case name == OwnTemplate:
		if t, err = ReadTemplate(dirs...); err == nil && t.Path == "" {
			err = fmt.Errorf("recipe %s: %s has no chat template (chat_template.jinja, or in tokenizer_config.json); "+
				"name a recipe or a file.jinja", name, strings.Join(dirs, ", "))
		}
	case strings.HasSuffix(name, ".jinja"):
		var text []byte
		text, err = readfile.Whole(name, readfile.Settings)
		t.Path, t.Default = name, string(text)
	default:
		r, err := recipe.Find(name)
		if err != nil {
			err = fmt.Errorf("%w; chat_template is the model's own, file.jinja any other", err)
		}
		return r, t, fault.Mark(err, fault.Usage)
	}
	if err != nil {
		return recipe.Recipe{}, t, fault.Mark(err, fault.Input)
	}
	if tok == nil {
		err := fmt.Errorf("recipe %s: a chat template needs the model's tokenizer", name)
		return recipe.Recipe{}, t, fault.Mark(err, fault.Usage)
	}
	r, err := chattemplate.Recipe(t.Path, t.Templates, tok)
	return r, t, fault.Mark(err, fault.Input)
}

// Recorded names the recipe that an adapter was trained with, and a hash if it is a chat template.
type Recorded struct{ Recipe, Hash string }

// Record returns a recipe's entry in a run's record and in the linter.
func Record(r recipe.Recipe) Recorded {
	if r.Chat {
		return Recorded{OwnTemplate, r.RenderKey}
	}
	return Recorded{Recipe: r.Name}
}

// String returns the recipe's name and, for a chat template, the first digits of its hash.
func (r Recorded) String() string {
	if r.Hash == "" {
		return r.Recipe
	}
	return r.Recipe + " " + r.Hash[:min(8, len(r.Hash))]
}

// ChooseRecipe sets a model's recipe: the named one, else the recorded one, else the chat template of the first of dirs
// that has one, the adapter's before the model's. If that template cannot be used, NoPrompt holds the reason.
func (m *Model) ChooseRecipe(named string, recorded Recorded, dirs ...string) error {
	name := named
	if name == "" {
		name = recorded.Recipe
	}
	if name == "" {
		t, err := ReadTemplate(dirs...)
		if m.NoPrompt = err; err != nil || t.Path == "" {
			return nil
		}
		r, _, err := FindRecipe(OwnTemplate, m.Tokenizer, dirs...)
		if m.NoPrompt = err; err == nil {
			m.Recipe, m.OwnPrompt = &r, true
		}
		return nil
	}
	r, _, err := FindRecipe(name, m.Tokenizer, dirs...)
	if err != nil {
		return err
	}
	if named == "" && recorded.Hash != "" && r.RenderKey != recorded.Hash {
		err := fmt.Errorf("the adapter was trained with %s, %s has %s: is %s missing in %s?",
			recorded, r.Source, Recorded{OwnTemplate, r.RenderKey}, templateFile, dirs[0])
		return fault.Mark(err, fault.Input)
	}
	m.Recipe = &r
	return nil
}
