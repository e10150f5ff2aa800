package chat

import (
	"fmt"
	"os"

	"fettle/internal/checkpoint/gguf"
)

// The keys of a GGUF file with a template for all conversations, and one for those with tools.
const (
	templateKey     = "tokenizer.chat_template"
	toolTemplateKey = "tokenizer.chat_template.tool_use"
)

// storedTemplate reads the chat template in a GGUF file.
func storedTemplate(path string) (t Template, err error) {
	f, err := gguf.Open(path)
	if err != nil {
		return t, fmt.Errorf("read chat template: %w", err)
	}
	defer f.Close()
	t.Default, _ = f.Metadata.Text(templateKey)
	t.ToolUse, _ = f.Metadata.Text(toolTemplateKey)
	if t.Default == "" {
		t.Default = t.ToolUse
	}
	if t.Default != "" {
		t.Path = path
	}
	return t, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}
