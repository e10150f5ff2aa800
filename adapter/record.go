package adapter

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"fettle/internal/checkpoint/gguf"
	"fettle/internal/identify"
	"fettle/internal/plainjson"
	"fettle/internal/readfile"
)

// RecordFile names the file of a Record beside an adapter.
const RecordFile = "fettle.json"

// Record states how to use an adapter, or a fully tuned model.
type Record struct {
	Version        string `json:"fettle"`
	Base           string `json:"base"`
	Fingerprint    string `json:"base_fingerprint"`
	Content        string `json:"base_sha256,omitempty"` // of all weights; records of before have none
	Tokenizer      string `json:"tokenizer_sha256"`
	Recipe         string `json:"recipe"`
	Template       string `json:"chat_template_sha256,omitempty"`
	Type           string `json:"finetuning_type"`
	Gate           string `json:"gate,omitempty"`
	GateActivation string `json:"gate_activation,omitempty"`
	Compute        string `json:"compute"`
	Quantization   string `json:"quantization,omitempty"`

	Computed []Stretch       `json:"computed_by,omitempty"` // of a run that changed its arithmetic
	Merged   []MergedAdapter `json:"merged,omitempty"`      // adapters that a model's weights hold
}

// Stretch is the part of a run that one arithmetic computed, up to the next one.
type Stretch struct {
	After int    `json:"after_step"`
	By    string `json:"by"` // device and processor
}

// MergedAdapter names an adapter in the weights of a model.
type MergedAdapter struct {
	Path    string  `json:"path"`
	SHA256  string  `json:"sha256"`                   // of the file of its weights
	Content string  `json:"content_sha256,omitempty"` // see Set.Content
	Weight  float64 `json:"weight"`
}

// Same reports whether two are one adapter: of one file, or of one content.
func (m MergedAdapter) Same(other MergedAdapter) bool {
	return m.SHA256 == other.SHA256 || m.Content != "" && m.Content == other.Content
}

// TypeMerged is the type of a model that adapters were merged into.
const TypeMerged = "merged"

// recorder is implemented by a method with its own entries in the record.
type recorder interface{ record(*Record) }

// Complete fills in the entries that follow from the adapter.
func (s *Set) Complete(r *Record) {
	r.Type = s.method.Name()
	if m, ok := s.method.(recorder); ok {
		m.record(r)
	}
}

// IsModel reports whether the record belongs to a whole model and not to an adapter for a base.
func (r Record) IsModel() bool { return r.Type == TypeFull || r.Type == TypeMerged }

// Encode returns the bytes of the file.
func (r Record) Encode() ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	return append(text, '\n'), err
}

// GGUF returns the key that holds the record in a GGUF file; other programs ignore it.
func (r Record) GGUF() (gguf.Key, error) {
	text, err := r.Encode()
	return gguf.Key{Name: ggufRecord, Value: string(text)}, err
}

// ReadRecord reads the record of the first adapter or model that has one; empty names are passed over. There may be
// none: the adapters of other programs have no record. A GGUF file has it among its keys, another file in its
// directory.
func ReadRecord(names ...string) (Record, error) {
	var r Record
	for _, name := range names {
		path, _, err := Locate(name)
		if err != nil || name == "" {
			continue
		}
		path, text, err := recordOf(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = json.Unmarshal(text, &r)
		}
		if err != nil {
			return r, fmt.Errorf("read %s: %w", path, plainjson.In(text, err))
		}
		return r, nil
	}
	return r, nil
}

// recordOf returns the text of the record at a path, and where it stands.
func recordOf(path string) (where string, text []byte, err error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return path, nil, err
	case info.IsDir():
		path = filepath.Join(path, RecordFile)
	case identify.File(path) == identify.GGUF:
		text, err = ggufRecordOf(path)
		return path, text, err
	case FormOf(path) != unknownForm:
		path = filepath.Join(filepath.Dir(path), RecordFile)
	default: // a model's file
		return path, nil, fs.ErrNotExist
	}
	text, err = readfile.WholeIn(filepath.Dir(path), RecordFile, readfile.Settings)
	return path, text, err
}
