package convert

import (
	"fmt"
	"strconv"
	"strings"
)

// The files of a directory for Ollama.
const (
	OllamaModel = "model.gguf"
	OllamaFile  = "Modelfile"
)

// Ollama describes a model to Ollama.
type Ollama struct {
	Template   string   // "": the chat template in the GGUF file
	Note       string   // why there is none
	InFile     bool     // the GGUF file has a chat template instead
	Stop       []string // texts that end an answer
	Parameters [][2]string
}

// Modelfile returns the text of the file.
func (o Ollama) Modelfile() string {
	var b strings.Builder
	fmt.Fprintf(&b, "FROM ./%s\n", OllamaModel)
	if o.Template != "" {
		fmt.Fprintf(&b, "\nTEMPLATE \"\"\"%s\"\"\"\n", o.Template)
	}
	if o.Note != "" {
		fmt.Fprintf(&b, "\n# No TEMPLATE: %s.\n", o.Note)
	}
	if o.InFile {
		b.WriteString("# Ollama takes the chat template in the GGUF file where it can.\n")
	}
	b.WriteString("\n")
	for _, stop := range o.Stop {
		fmt.Fprintf(&b, "PARAMETER stop %s\n", strconv.Quote(stop))
	}
	for _, p := range o.Parameters {
		fmt.Fprintf(&b, "PARAMETER %s %s\n", p[0], p[1])
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}
