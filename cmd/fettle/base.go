package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"fettle/adapter"
	"fettle/internal/builtin"
	"fettle/internal/compute"
	"fettle/internal/compute/cpu"
	"fettle/internal/sharedmem"
	"fettle/model"
	"fettle/model/chat"
	"fettle/model/tokenizer"
)

// source names the parts of a chat model.
type source struct {
	Model     string `yaml:"model_name_or_path" path:"read" group:"model" alias:"base_model,model" help:"directory or file of the base model; default: the one recorded with the adapter"`
	Adapter   string `yaml:"adapter_name_or_path" path:"read" alias:"lora_model_dir,adapter_path,adapter" help:"an adapter: a directory of PEFT, mlx-lm or LitGPT, a GGUF file of a LoRA, or LLaMA-Adapter's .pth; NAME:0.5 adds half of it"`
	OtherBase bool   `yaml:"allow_other_base" help:"use an adapter on a base that it was not trained on, such as a quantized copy of its own"`
	Recipe    string `yaml:"recipe" path:"named" group:"prompt" alias:"template,chat_template" help:"prompt template: a recipe, chat_template (the model's own) or a file.jinja; default: the one recorded with the adapter"`
	Compute   string `yaml:"compute" group:"compute" help:"products of frozen weights: auto, f32, bf16 or int8"`
	Quantized string `yaml:"quantization" alias:"quantize" help:"frozen projections in memory: none, int8 or nf4; auto: as the adapter was trained"`

	roomSettings `yaml:",inline"`
}

// complete checks the paths and finds the base of an adapter that was given without one.
func (s *source) complete() (err error) {
	if s.Adapter != "" {
		if err := checkAdapter(s.Adapter); err != nil {
			return err
		}
		if s.Model == "" {
			if s.Model, err = baseOf(s.Adapter); err != nil {
				return err
			}
		}
	}
	if s.Model == "" {
		return usage(errors.New("model_name_or_path is missing: the directory or file of the base model"))
	}
	_, err = locatedModel(s.Model)
	return err
}

// open loads the parts of a chat model. Tokenizer, chat template and settings of generation are the adapter's where it
// has its own.
func (s source) open() (*chat.Model, error) { return s.openOn(loadModel) }

// openOn is open, with a function that loads the base.
func (s source) openOn(load func(name, mode, quantization string) (*model.Model, error)) (*chat.Model, error) {
	if err := s.complete(); err != nil {
		return nil, err
	}
	record, err := s.recorded()
	if err != nil {
		return nil, err
	}
	if r := s.Recipe; r != "" && r != chat.OwnTemplate && !strings.HasSuffix(r, ".jinja") {
		if _, _, err := chat.FindRecipe(r, nil); err != nil { // before the weights are loaded
			return nil, err
		}
	}
	out := &chat.Model{}
	if out.Weights, err = load(s.Model, s.Compute, s.Quantized); err != nil {
		return nil, err
	}
	if s.Adapter != "" {
		set, err := loadAdapter(s.Adapter, nil, out.Weights, s.OtherBase)
		if err != nil {
			return nil, input(err)
		}
		out.Weights, out.Adapter = set.Model(), set.String()
	}
	where, err := locatedModel(s.Model)
	if err != nil {
		return nil, err
	}
	dirs := partDirs(s.Adapter, where)
	if out.Tokenizer, err = loadTokenizer(tokenizerDir(dirs), out.Weights); err != nil {
		return nil, err
	}
	if out.Generation, err = chat.ReadGeneration(dirs...); err != nil {
		return nil, err
	}
	return out, out.ChooseRecipe(s.Recipe, chat.Recorded{Recipe: record.Recipe, Hash: record.Template}, dirs...)
}

// recorded reads the record of the adapter or model, and replaces an automatic quantization by the one it names.
func (s *source) recorded() (adapter.Record, error) {
	record, err := adapter.ReadRecord(s.Adapter, directoryOf(s.Model))
	if s.Quantized == "" || s.Quantized == "auto" {
		s.Quantized = record.Quantization
	}
	return record, input(err)
}

// loadAdapter loads an adapter, with the method requested if there is one, for its own base or for any.
func loadAdapter(name string, method adapter.Method, base *model.Model, anyBase bool) (*adapter.Set, error) {
	if anyBase {
		return adapter.LoadOnto(name, method, base)
	}
	set, err := adapter.LoadAs(name, method, base)
	if errors.Is(err, adapter.ErrOtherBase) {
		err = fmt.Errorf("%w\nIf this base is a quantized or converted copy of that one, --allow_other_base uses the "+
			"adapter on it", err)
	}
	return set, err
}

// located returns the directory of a model, which is the name itself unless it is the built-in model's.
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

// directoryOf returns the path of a directory, and "" for that of a file.
func directoryOf(path string) string {
	if isDir(path) {
		return path
	}
	return ""
}

// loadModel loads a model to decode with.
func loadModel(name, mode, quantization string) (*model.Model, error) {
	return loadModelFor(true, nil, name, mode, quantization)
}

// loadModelFor loads a model for the processor, to decode with or to train, in memory that is shared if there is some.
func loadModelFor(decoding bool, shared *sharedmem.Memory, name, mode, quantization string) (*model.Model, error) {
	dir, err := locatedModel(name)
	if err != nil {
		return nil, err
	}
	s, err := model.Open(dir)
	if err != nil {
		return nil, input(fmt.Errorf("load model: %w", err))
	}
	dev, err := deviceFor(shared, compute.ResolveMode(mode, quantization, s.Stored(), decoding))
	if err != nil {
		return nil, err
	}
	m, err := s.Load(dev, compute.ResolveQuantization(mode, quantization, s.Stored()))
	return m, input(err)
}

// deviceFor makes a device that computes in a resolved mode; shared may be nil.
func deviceFor(shared *sharedmem.Memory, mode string) (compute.Device, error) {
	dev, err := cpu.New(cpu.Options{Compute: mode, Shared: shared})
	return dev, usage(err)
}

// loadTokenizer loads the tokenizer in a model's directory and checks that it fits.
func loadTokenizer(dir string, m *model.Model) (*tokenizer.Tokenizer, error) {
	tok, err := tokenizer.Load(dir)
	if err != nil {
		return nil, input(err)
	}
	if err := tok.Fits(m.Config().Vocab); err != nil {
		return nil, input(fmt.Errorf("load tokenizer %s: %w", dir, err))
	}
	return tok, nil
}
