package tokenizer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"fettle/internal/identify"
	"fettle/internal/readfile"
)

// loadDir reads the tokenizer of a model directory.
func loadDir(dir string) (*Tokenizer, error) {
	beside, err := readSide(dir)
	if err != nil {
		return nil, fmt.Errorf("load tokenizer: %w", err)
	}
	names := append(Files(), "tokenizer.bin")
	if beside.reconvert() {
		slices.Reverse(names[:2])
	}
	var problems []error
	for _, name := range names {
		t, err := readFileIn(dir, name, beside)
		if err == nil {
			return t, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, err)
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	// Meta's downloads keep it beside the directories of all sizes.
	if layout, _ := identify.ModelAt(dir); layout == identify.Meta {
		if t, err := readFile(filepath.Join(filepath.Dir(filepath.Clean(dir)), "tokenizer.model"), side{}); err == nil ||
			!errors.Is(err, fs.ErrNotExist) {
			return t, err
		}
	}
	return nil, fmt.Errorf("load tokenizer: %w", &missing{dir})
}

// readFileIn reads a tokenizer file of a directory.
func readFileIn(dir, name string, beside side) (*Tokenizer, error) {
	path, err := readfile.Inside(dir, name)
	if err != nil {
		return nil, fmt.Errorf("load tokenizer: %w", err)
	}
	return readFile(path, beside)
}

// missing is the error of a directory without a tokenizer.
type missing struct{ dir string }

func (m *missing) Error() string {
	return "neither tokenizer.model (SentencePiece's or tiktoken's) nor tokenizer.json in " + m.dir +
		": copy that of the model there"
}

// Is makes a missing tokenizer a missing file.
func (m *missing) Is(err error) bool { return err == fs.ErrNotExist }

// weights reports whether a file holds a model's weights.
func weights(path string) bool {
	switch identify.File(path) {
	case identify.Safetensors, identify.Torch, identify.Pickle, identify.Zip, identify.Llama2C, identify.GGML:
		return true
	}
	return false
}

// besideWeights reads the tokenizer of a model that is one file: that of its directory, or else the only tok*.model
// there, or else the only tok*.bin.
func besideWeights(path string) (*Tokenizer, error) {
	dir := filepath.Dir(path)
	t, err := loadDir(dir)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return t, err
	}
	beside, err := readSide(dir)
	if err != nil {
		return nil, fmt.Errorf("load tokenizer: %w", err)
	}
	var several []string
	for _, pattern := range []string{"tok*.model", "tok*.bin"} {
		found, err := fs.Glob(os.DirFS(dir), pattern)
		if err != nil {
			return nil, fmt.Errorf("load tokenizer: %w", err)
		}
		if len(found) == 1 {
			return readFileIn(dir, found[0], beside)
		}
		several = append(several, found...)
	}
	if len(several) > 0 {
		return nil, fmt.Errorf("load tokenizer of %s: which one is it? %q: name one tokenizer.model", path, several)
	}
	return nil, fmt.Errorf("load tokenizer of %s: %w", path, &missing{dir})
}
