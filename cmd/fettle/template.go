package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fettle/data/chattemplate"
	"fettle/data/encode"
	"fettle/data/recipe"
	"fettle/train"
)

// ownTemplate is the name of a recipe that is a model's own chat template.
const ownTemplate = "chat_template"

// The files with a template for all conversations, and one for those with tools.
const (
	templateFile        = "chat_template.jinja"
	toolTemplateFile    = "chat_template_tool_use.jinja" // ours; transformers' is the next
	toolTemplateFileToo = "additional_chat_templates/tool_use.jinja"
)

// chatTemplate is a template and where it was found.
type chatTemplate struct {
	chattemplate.Templates
	path string
}

// files are what keeps a template beside an adapter.
func (t chatTemplate) files() map[string][]byte {
	if t.path == "" {
		return nil
	}
	files := map[string][]byte{templateFile: []byte(t.Default)}
	if t.ToolUse != "" {
		files[toolTemplateFile] = []byte(t.ToolUse)
	}
	return files
}

// readTemplate reads the chat template of the first directory that has one:
// chat_template.jinja, or else tokenizer_config.json's. The path is "" if none
// has.
func readTemplate(dirs ...string) (t chatTemplate, err error) {
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		dir, err := located(dir)
		if err != nil {
			return t, err
		}
		if t, err = templateFiles(dir); err == nil && t.path == "" {
			t, err = configTemplate(dir)
		}
		if err != nil || t.path != "" {
			return t, err
		}
	}
	return t, nil
}

func templateFiles(dir string) (t chatTemplate, err error) {
	for _, f := range []struct {
		name string
		into *string
	}{{toolTemplateFileToo, &t.ToolUse}, {toolTemplateFile, &t.ToolUse}, {templateFile, &t.Default}} {
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.name)))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return chatTemplate{}, fmt.Errorf("read chat template: %w", err)
		}
		*f.into = string(text)
	}
	if t.Default != "" {
		t.path = filepath.Join(dir, templateFile)
		return t, nil
	}
	return chatTemplate{}, nil
}

// configTemplate reads tokenizer_config.json's chat_template: a text, or a list
// of {"name", "template"} with a default.
func configTemplate(dir string) (t chatTemplate, err error) {
	path := filepath.Join(dir, "tokenizer_config.json")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	var config struct {
		Template json.RawMessage `json:"chat_template"`
	}
	if err == nil {
		err = json.Unmarshal(text, &config)
	}
	if err != nil {
		return t, fmt.Errorf("read %s: %w", path, err)
	}
	if len(config.Template) == 0 || string(config.Template) == "null" {
		return t, nil
	}
	t.path = path
	if json.Unmarshal(config.Template, &t.Default) == nil {
		return t, nil
	}
	var list []struct{ Name, Template string }
	if err := json.Unmarshal(config.Template, &list); err != nil {
		return t, fmt.Errorf("read %s: chat_template is %.40s, want a text, or a list of {\"name\", \"template\"}", path, config.Template)
	}
	for _, named := range list {
		switch named.Name {
		case "default":
			t.Default = named.Template
		case "tool_use":
			t.ToolUse = named.Template
		}
	}
	if t.Default == "" {
		t.Default = t.ToolUse
	}
	if t.Default == "" {
		return t, fmt.Errorf("read %s: chat_template has none that is called default", path)
	}
	return t, nil
}

// findRecipe finds a recipe by its name: one of the built-in ones, a file.jinja,
// or chat_template, the template that the first of dirs brings.
func findRecipe(name string, tok encode.Tokenizer, dirs ...string) (recipe.Recipe, chatTemplate, error) {
	var t chatTemplate
	var err error
	switch {
	case name == ownTemplate:
		if t, err = readTemplate(dirs...); err == nil && t.path == "" {
			err = fmt.Errorf("recipe %s: %s has no chat template (chat_template.jinja, or in tokenizer_config.json); name a recipe or a file.jinja",
				name, strings.Join(dirs, ", "))
		}
	case strings.HasSuffix(name, ".jinja"):
		var text []byte
		text, err = os.ReadFile(name)
		t.path, t.Default = name, string(text)
	default:
		r, err := recipe.Find(name)
		if err != nil {
			err = fmt.Errorf("%w; chat_template is the model's own, file.jinja any other", err)
		}
		return r, t, usage(err)
	}
	if err != nil {
		return recipe.Recipe{}, t, input(err)
	}
	if tok == nil {
		return recipe.Recipe{}, t, usage(fmt.Errorf("recipe %s: a chat template needs the model's tokenizer", name))
	}
	r, err := chattemplate.Recipe(t.path, t.Templates, tok)
	return r, t, input(err)
}

// recordedRecipe is the name by which a run's record, and the linter, know its
// recipe.
func recordedRecipe(r recipe.Recipe) (name, hash string) {
	if r.Chat {
		return ownTemplate, r.RenderKey
	}
	return r.Name, ""
}

// fullName tells chat templates from one another.
func fullName(recipe, hash string) string {
	if hash == "" {
		return recipe
	}
	return recipe + " " + hash[:min(8, len(hash))]
}

// speak gives a speaker its recipe: what was asked for, what the record says it
// was trained with, or what the model brings.
func (s *speaker) speak(from source, record train.Record) error {
	name := from.Recipe
	if name == "" {
		name = record.Recipe
	}
	dirs := []string{from.Adapter, from.Model}
	if name == "" {
		if own, err := readTemplate(from.Model); err != nil || own.path == "" {
			s.why = err
			return nil
		}
		r, _, err := findRecipe(ownTemplate, s.tok, from.Model)
		if s.why = err; err == nil {
			s.recipe, s.own = &r, true
		}
		return nil
	}
	r, _, err := findRecipe(name, s.tok, dirs...)
	if err != nil {
		return err
	}
	if from.Recipe == "" && record.Template != "" && r.RenderKey != record.Template {
		return input(fmt.Errorf("the adapter was trained with %s, %s has %s: is %s missing in %s?",
			fullName(record.Recipe, record.Template), r.Source, fullName(ownTemplate, r.RenderKey), templateFile, from.Adapter))
	}
	s.recipe = &r
	return nil
}

// unspoken is the error of a speaker without a recipe.
func (s *speaker) unspoken(advice string) error {
	err := errors.New("which prompt does this model know? " + advice)
	if s.why != nil {
		err = fmt.Errorf("%w\nIts own chat template cannot be used: %w", err, s.why)
	}
	return usage(err)
}

// generationEnds are the tokens that generation_config.json lists as ends.
func generationEnds(dir string) ([]int32, error) {
	path := filepath.Join(dir, "generation_config.json")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var config struct {
		EOS json.RawMessage `json:"eos_token_id"`
	}
	if err == nil {
		err = json.Unmarshal(text, &config)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	var one int32
	var list []int32
	if json.Unmarshal(config.EOS, &one) == nil && string(config.EOS) != "null" {
		return []int32{one}, nil
	}
	if len(config.EOS) > 0 && json.Unmarshal(config.EOS, &list) != nil {
		return nil, fmt.Errorf("read %s: eos_token_id is %.40s, want a number or a list", path, config.EOS)
	}
	return list, nil
}
