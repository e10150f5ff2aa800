package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"fettle/internal/atomicfile"
	"fettle/internal/checkpoint/gguf"
	"fettle/model/chat"
	"fettle/model/convert"
)

// ggufTokenizer returns the keys of generation, of the tokenizer and of the chat template: the model's own, or one made
// of the recipe that it was trained with.
func (m *made) ggufTokenizer() ([]gguf.Key, error) {
	if m.chat.Tokenizer == nil {
		why := strings.Join(append(m.notes, "Without a tokenizer no program reads a GGUF file"), "\n")
		return nil, input(errors.New(why))
	}
	pre, _ := m.Source.Metadata.Text("tokenizer.ggml.pre")
	keys, err := m.chat.Tokenizer.GGUF(m.Config.Vocab, pre, m.chat.Ends()...)
	if err != nil {
		return nil, input(err)
	}
	keys = append(m.chat.Generation.GGUF(), keys...)
	if _, own := m.Source.Metadata.Text("tokenizer.ggml.model"); !own {
		for _, what := range m.chat.Tokenizer.Unsaid(m.chat.Ends()...) {
			m.notes = append(m.notes, "GGUF cannot say of the tokenizer, and other programs will not know: "+what+".")
		}
	}
	template := m.template
	if r := m.chat.Recipe; r != nil && !r.Chat {
		l, err := m.layout()
		if err != nil {
			m.notes = append(m.notes, fmt.Sprintf("The file has no chat template for recipe %s: %v.", r.Name, err))
			return keys, nil
		}
		template = chat.Template{}
		template.Default = l.Jinja(m.bos() != "")
	}
	return append(keys, template.GGUF()...), nil
}

// layout returns the layout of the recipe of a model that has one and a tokenizer.
func (m *made) layout() (*convert.Layout, error) {
	return convert.NewLayout(*m.chat.Recipe, m.bos(), m.ends())
}

// bos returns the text of the token that the tokenizer puts before a text, "" for none.
func (m *made) bos() string {
	if before, _ := m.chat.Tokenizer.Specials(); len(before) > 0 {
		return m.chat.Tokenizer.Piece(before[0])
	}
	return ""
}

// ends lists the texts of the tokens that end an answer.
func (m *made) ends() (texts []string) {
	for _, id := range m.chat.Ends() {
		if text := m.chat.Tokenizer.Piece(id); text != "" && !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return texts
}

// writeModelfile writes Ollama's description of the model, which has a tokenizer, into a directory.
func (m *made) writeModelfile(dir string) error {
	o := convert.Ollama{Stop: m.ends()}
	if r := m.chat.Recipe; r == nil {
		o.Note = "the model has no prompt template"
	} else {
		l, err := m.layout()
		if err == nil {
			o.NoSystem = l.NoSystem
			o.Template, err = l.Ollama()
		}
		if err != nil {
			o.Note = err.Error()
		}
		o.InFile = o.Template == "" && m.template.Default != "" && r.Chat
		o.Stop = append(o.Stop, r.Stop...)
	}
	g := m.chat.Generation
	for _, stop := range g.Stop {
		if !slices.Contains(o.Stop, stop) {
			o.Stop = append(o.Stop, stop)
		}
	}
	number := func(key string, x *float64) {
		if x != nil {
			o.Parameters = append(o.Parameters, [2]string{key, strconv.FormatFloat(*x, 'g', -1, 64)})
		}
	}
	if g.Sample != nil && !*g.Sample {
		o.Parameters = append(o.Parameters, [2]string{"temperature", "0"})
	} else {
		number("temperature", g.Temperature)
	}
	number("top_p", g.TopP)
	number("min_p", g.MinP)
	number("repeat_penalty", g.Repetition)
	if g.TopK != nil && *g.TopK > 0 {
		o.Parameters = append(o.Parameters, [2]string{"top_k", strconv.Itoa(*g.TopK)})
	}
	return atomicfile.Write(filepath.Join(dir, convert.OllamaFile), atomicfile.Bytes([]byte(o.Modelfile())))
}
