package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fettle/adapter"
	"fettle/data/encode"
	"fettle/data/recipe"
	"fettle/internal/builtin"
	"fettle/internal/compute"
	"fettle/internal/compute/cpu"
	"fettle/model"
	"fettle/model/generate"
	"fettle/model/serve"
	"fettle/model/tokenizer"
	"fettle/train"
)

// The rooms fit.
var (
	_ generate.Decoder = (*model.Session)(nil)
	_ encode.Tokenizer = (*tokenizer.Tokenizer)(nil)
	_ serve.Engine     = (*engine)(nil)
)

// speaker is what generate and chat need: a model with its adapter, the
// tokenizer, and how to ask.
type speaker struct {
	model  *model.Model
	tok    *tokenizer.Tokenizer
	recipe *recipe.Recipe // nil: not known
	own    bool           // it is the model's own chat template, which nobody asked for
	why    error          // why that cannot be used
	also   []int32        // tokens that generation_config.json ends answers with
}

// source says where a speaker's parts are.
type source struct {
	Model     string `yaml:"model_name_or_path" alias:"base_model,model" help:"directory of the base model; not needed where the adapter knows it"`
	Adapter   string `yaml:"adapter_name_or_path" alias:"lora_model_dir,adapter_path,adapter" help:"directory of an adapter"`
	Recipe    string `yaml:"recipe" alias:"template,chat_template" help:"whose prompt to put around the instruction: a recipe, chat_template (the model's own) or a file.jinja; not needed where the adapter knows it"`
	Compute   string `yaml:"compute" help:"products of frozen weights: auto, f32, bf16 or int8"`
	Quantized string `yaml:"quantization" alias:"quantize" help:"how the frozen projections are kept in memory: none, int8 or nf4; auto: as the adapter was trained"`
}

// open loads what a source names.
func (s source) open() (*speaker, error) {
	record, err := readRecord(s.Adapter, s.Model)
	if err != nil {
		return nil, err
	}
	if s.Model == "" {
		if s.Model = record.Base; s.Model == "" {
			return nil, usage(errors.New("model_name_or_path is missing: the directory of the base model"))
		}
	}
	if s.Quantized == "" || s.Quantized == "auto" {
		s.Quantized = record.Quantization
	}
	out := &speaker{}
	if r := s.Recipe; r != "" && r != ownTemplate && !strings.HasSuffix(r, ".jinja") {
		if _, _, err := findRecipe(r, nil); err != nil { // before the weights are loaded
			return nil, err
		}
	}
	if out.model, err = loadModel(s.Model, s.Compute, s.Quantized); err != nil {
		return nil, err
	}
	if out.tok, err = loadTokenizer(s.Model, out.model); err != nil {
		return nil, err
	}
	if err := out.speak(s, record); err != nil {
		return nil, err
	}
	where, err := located(s.Model)
	if err != nil {
		return nil, err
	}
	if out.also, err = generationEnds(where); err != nil {
		return nil, input(err)
	}
	if s.Adapter != "" && record.Type != adapter.FullWeights {
		set, err := adapter.Load(s.Adapter, out.model)
		if err != nil {
			return nil, input(err)
		}
		out.model = out.model.With(set.Delta)
	}
	return out, nil
}

// readRecord reads the fettle.json of an adapter, or of a fully tuned model.
func readRecord(dirs ...string) (train.Record, error) {
	var r train.Record
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, train.RecordFile))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = json.Unmarshal(text, &r)
		}
		if err != nil {
			return r, input(fmt.Errorf("read %s: %w", filepath.Join(dir, train.RecordFile), err))
		}
		return r, nil
	}
	return r, nil
}

// located is the directory of a model: what was given, or the built-in model's
// for its name.
func located(name string) (string, error) {
	if name == builtin.Name && !isDir(name) {
		return builtin.Dir()
	}
	return name, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// loadModel loads a model for the processor.
func loadModel(name, mode, quantization string) (*model.Model, error) {
	dir, err := located(name)
	if err != nil {
		return nil, err
	}
	dev, _, err := newDevice(dir, mode)
	if err != nil {
		return nil, err
	}
	m, err := model.LoadAs(dir, dev, compute.ResolveQuantization(mode, quantization))
	return m, input(err)
}

// newDevice is a device for the weights in a directory, and their type. With
// compute auto, weights that are stored as bfloat16 are multiplied as such where
// the processor can; what has more digits is computed with all of them.
func newDevice(dir, mode string) (compute.Device, compute.DType, error) {
	stored, err := model.StoredType(dir)
	if err != nil {
		return nil, 0, input(err)
	}
	if mode == compute.ModeAuto && stored != compute.BF16 {
		mode = compute.ModeF32
	}
	dev, err := cpu.New(cpu.Options{Compute: mode})
	return dev, stored, usage(err)
}

// loadTokenizer loads the tokenizer of a model and checks that it fits.
func loadTokenizer(name string, m *model.Model) (*tokenizer.Tokenizer, error) {
	dir, err := located(name)
	if err != nil {
		return nil, err
	}
	tok, err := tokenizer.Load(dir)
	if err != nil {
		return nil, input(err)
	}
	if tok.Size() > m.Config().Vocab {
		return nil, input(fmt.Errorf("load tokenizer %s: it has %d tokens, the model only %d: is it another model's?", dir, tok.Size(), m.Config().Vocab))
	}
	return tok, nil
}

// ends are the tokens that end an answer: the tokenizer's, the model's and the
// recipe's.
func (s *speaker) ends() []int32 {
	ends := append(append([]int32(nil), s.model.Config().EOS...), s.also...)
	if s.tok.EOS() >= 0 {
		ends = append(ends, s.tok.EOS())
	}
	if s.recipe != nil {
		for _, name := range s.recipe.Ends {
			if id, ok := s.tok.ID(name); ok {
				ends = append(ends, id)
			}
		}
	}
	return ends
}
