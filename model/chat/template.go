package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"fettle/data/chattemplate"
	"fettle/internal/identify"
	"fettle/internal/plainjson"
	"fettle/internal/readfile"
)

// The files with a template for all conversations, and one for those with tools.
const (
	templateFile        = "chat_template.jinja"
	toolTemplateFile    = "chat_template_tool_use.jinja" // ours; transformers' is the next
	toolTemplateFileToo = "additional_chat_templates/tool_use.jinja"
)

// Template is a chat template and the file it is from.
type Template struct {
	chattemplate.Templates
	Path string
}

// Files returns the files that keep a template beside an adapter, by name.
func (t Template) Files() map[string][]byte {
	if t.Path == "" {
		return nil
	}
	files := map[string][]byte{templateFile: []byte(t.Default)}
	if t.ToolUse != "" {
		files[toolTemplateFile] = []byte(t.ToolUse)
	}
	return files
}

// ReadTemplate reads the chat template of the first model that has one: of a GGUF file its own, of a directory
// chat_template.jinja, or else the one of chat_template.json or tokenizer_config.json. Path is "" if none has. A path
// "" is skipped.
func ReadTemplate(paths ...string) (t Template, err error) {
	for _, path := range paths {
		if path == "" {
			continue
		}
		dir, keys, err := parts(path)
		if err != nil {
			return t, err
		}
		if keys != nil {
			if t, err = ggufTemplate(path, keys); err != nil || t.Path != "" {
				return t, err
			}
		}
		if t, err = templateFiles(dir); err == nil && t.Path == "" {
			t, err = configTemplate(dir, "chat_template.json")
		}
		if err == nil && t.Path == "" {
			t, err = configTemplate(dir, "tokenizer_config.json")
		}
		if err != nil || t.Path != "" {
			return t, err
		}
	}
	return t, nil
}

func templateFiles(dir string) (t Template, err error) {
	for _, f := range []struct {
		name string
		into *string
	}{{toolTemplateFileToo, &t.ToolUse}, {toolTemplateFile, &t.ToolUse}, {templateFile, &t.Default}} {
		text, err := readfile.WholeIn(dir, f.name, readfile.Settings)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Template{}, fmt.Errorf("read chat template: %w", err)
		}
		if err := identify.Damage(text); err != nil && len(text) > 0 { // an empty template is none
			return Template{}, fmt.Errorf("read %s: %w", filepath.Join(dir, f.name), err)
		}
		*f.into = string(text)
	}
	if t.Default != "" {
		t.Path = filepath.Join(dir, templateFile)
		return t, nil
	}
	return Template{}, nil
}

// configTemplate reads the chat_template of a JSON file of a directory: a text, or a list of {"name", "template"} with
// a default.
func configTemplate(dir, name string) (t Template, err error) {
	path := filepath.Join(dir, name)
	text, err := readfile.WholeIn(dir, name, readfile.Settings)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	var config struct {
		Template json.RawMessage `json:"chat_template"`
	}
	if err == nil {
		err = identify.Damage(text)
	}
	if err == nil {
		err = json.Unmarshal(text, &config)
	}
	if err != nil {
		return t, fmt.Errorf("read %s: %w", path, plainjson.In(text, err))
	}
	if len(config.Template) == 0 || string(config.Template) == "null" {
		return t, nil
	}
	t.Path = path
	if json.Unmarshal(config.Template, &t.Default) == nil {
		return t, nil
	}
	var list []struct{ Name, Template string }
	if err := json.Unmarshal(config.Template, &list); err != nil {
		return t, fmt.Errorf("read %s: chat_template is %.40s, want a text, or a list of {\"name\", \"template\"}",
			path, config.Template)
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
		return t, fmt.Errorf("read %s: chat_template has none named default", path)
	}
	return t, nil
}
