package peers

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"fettle/internal/atomicfile"
	"fettle/internal/bench"
	"fettle/model"
)

// models are files of one model with weights of several types.
type models struct {
	own    Own
	source string // the model that they are made of
	config *model.Config
	dir    string
	made   map[string]string // types to files
}

// newModels opens the model, or writes one of random weights for a named shape.
func newModels(own Own, s Settings, c *model.Config, dir string) (*models, error) {
	m := &models{own: own, config: c, dir: dir, made: map[string]string{}}
	if (bench.Settings{Shape: s.Shape}).Named() {
		if s.Layers > 0 {
			c.Layers = min(c.Layers, s.Layers)
		}
		m.source = filepath.Join(dir, "random")
		return m, bench.WriteRandom(m.source, c)
	}
	var err error
	m.source, err = filepath.Abs(s.Shape)
	return m, err
}

// file returns the model as GGUF with weights of a type, which this program makes unless the model is such a file.
func (m *models) file(ctx context.Context, weights string) (string, error) {
	if path := m.made[weights]; path != "" {
		return path, nil
	}
	path := filepath.Join(m.dir, "model."+weights+".gguf")
	stored, err := model.StoredType(m.source)
	if err != nil {
		return "", err
	}
	if strings.HasSuffix(m.source, ".gguf") && strings.EqualFold(stored.String(), weights) {
		path = m.source
	} else if _, err := execute(ctx, command{path: m.own.Path, env: m.own.Env, args: []string{
		"convert", "--input", m.source, "--output", path, "--quantize", weights, "--certificate", "no",
	}}, time.Hour); err != nil {
		return "", fmt.Errorf("make a model of type %s: %w", weights, err)
	}
	m.made[weights] = path
	return path, nil
}

// textFile is the text that QVAC Fabric learns from.
func textFile(dir string) string { return filepath.Join(dir, "text.txt") }

// writeText writes a text of at least so many tokens.
func writeText(dir string, tokens int) error {
	words := strings.Fields("the quick brown fox jumps over a lazy dog and then it runs back home to sleep")
	var b strings.Builder
	for i := range tokens {
		b.WriteString(words[(i*i+i/7)%len(words)] + " ")
	}
	return atomicfile.Write(textFile(dir), atomicfile.Private(atomicfile.Bytes([]byte(b.String()))))
}
