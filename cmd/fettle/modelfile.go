package main

import (
	"fettle/internal/checkpoint/gguf"
)

// ggufTokenizer returns the keys of the tokenizer and the chat template.
func (m *made) ggufTokenizer() ([]gguf.Key, error) { return nil, nil }

// writeModelfile writes Ollama's description of the model into a directory.
func (m *made) writeModelfile(dir string) error { return nil }
