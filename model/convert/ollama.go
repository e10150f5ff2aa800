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
	NoSystem   bool     // it leaves out system messages
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
	if o.Template != "" && o.NoSystem {
		b.WriteString("\n# The prompt has no place for a system message: it is left out.\n")
	}
	if o.Note != "" {
		fmt.Fprintf(&b, "\n# No TEMPLATE: %s.\n", o.Note)
	}
	if o.InFile {
		b.WriteString("# Ollama takes the chat template in the GGUF file where it can.\n")
	}
	b.WriteString("\n")
	for _, stop := range o.Stop {
		if text, ok := quoted(stop); ok {
			fmt.Fprintf(&b, "PARAMETER stop %s\n", text)
		} else {
			fmt.Fprintf(&b, "# No stop %q: the file cannot hold it.\n", stop)
		}
	}
	for _, p := range o.Parameters {
		fmt.Fprintf(&b, "PARAMETER %s %s\n", p[0], p[1])
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// quoted returns a text as Ollama reads it: what stands between quotes, without escapes and without characters that do
// not print. It reports whether the text can stand there.
func quoted(text string) (string, bool) {
	marks := `"`
	if strings.Contains(text, `"`) {
		marks = `"""`
	}
	silent := func(r rune) bool { return !strconv.IsPrint(r) && r != '\n' && r != '\t' }
	return marks + text + marks, !strings.Contains(text, `"""`) && !strings.ContainsFunc(text, silent)
}
