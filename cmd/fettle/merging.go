package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"fettle/adapter"
	"fettle/internal/compute"
	"fettle/internal/compute/cpu"
	"fettle/internal/compute/ref"
	"fettle/internal/readfile"
	"fettle/model"
	"fettle/model/chat"
	"fettle/model/convert"
)

// mergeSettings names a base and the adapters to merge into it.
type mergeSettings struct {
	Model     string   `yaml:"model_name_or_path" path:"read" group:"model" alias:"base_model,model" help:"the base model; default: the one recorded with the adapter"`
	Adapters  []string `yaml:"adapter_name_or_path" path:"read" alias:"lora_model_dir,adapter_path,adapter" help:"adapters to merge, separated by commas"`
	Weights   []string `yaml:"adapter_weights" help:"a weight for each adapter, separated by commas; default: 1"`
	Quantized string   `yaml:"base_quantization" help:"merge into weights rounded to int8 or nf4, as those that the adapter was trained over; none: into the stored ones"`
	OtherBase bool     `yaml:"allow_other_base" help:"merge an adapter into a base that it was not trained on, or that it is in already"`
}

// made is a model to write, with the parts of the chat model that it is.
type made struct {
	convert.Model
	chat     *chat.Model
	template chat.Template
	record   adapter.Record
	notes    []string
	before   func() (*model.Model, error) // loads what the model was made of, as it was before
}

// String names the base and the adapters.
func (s mergeSettings) String() string {
	return strings.Join(append([]string{s.Model}, s.Adapters...), " with ")
}

// complete checks the paths and finds the base.
func (s *mergeSettings) complete() error {
	one := source{Model: s.Model}
	for _, path := range s.Adapters {
		one.Adapter = path
		if err := one.complete(); err != nil {
			return err
		}
	}
	if err := one.complete(); err != nil {
		return err
	}
	s.Model = one.Model
	return nil
}

// weights reads the adapters' weights.
func (s mergeSettings) weights() ([]float64, error) {
	out := make([]float64, len(s.Adapters))
	if n := len(s.Weights); n > 0 && n != len(out) {
		return nil, usage(fmt.Errorf("adapter_weights has %d weights, want one for each adapter, %d", n, len(out)))
	}
	for i := range out {
		out[i] = 1
		if len(s.Weights) == 0 {
			continue
		}
		var err error
		if out[i], err = strconv.ParseFloat(s.Weights[i], 64); err != nil {
			return nil, usage(fmt.Errorf("adapter_weights: %q, want a number", s.Weights[i]))
		}
	}
	return out, nil
}

// make opens the base and the adapters of complete settings. No weight is computed yet.
func (s mergeSettings) make() (*made, error) {
	weights, err := s.weights()
	if err != nil {
		return nil, err
	}
	where, err := locatedModel(s.Model)
	if err != nil {
		return nil, err
	}
	source, err := model.Open(where)
	if err != nil {
		return nil, input(err)
	}
	m := &made{Model: convert.Model{Source: source}, chat: &chat.Model{}}
	quantization := compute.ResolveQuantization(compute.ModeF32, s.Quantized, source.Stored())
	base, err := model.NewAs(source.Config, source.Tensors, ref.New(), quantization)
	if err != nil {
		return nil, input(fmt.Errorf("load model %s: %w", s.Model, err))
	}
	adapters, err := s.named(weights)
	if err != nil {
		return nil, err
	}
	if m.record, err = s.recorded(where); err != nil {
		return nil, err
	}
	if err := s.once(m.record, adapters); err != nil {
		return nil, err
	}
	sets, err := s.load(base)
	if err != nil {
		return nil, err
	}
	for i, set := range sets {
		adapters[i].Content = set.Content()
	}
	if err := s.once(m.record, adapters); err != nil { // in another form
		return nil, err
	}
	dev, err := cpu.New(cpu.Options{Compute: compute.ModeF32})
	if err != nil {
		return nil, err
	}
	merged, err := adapter.Merge(base, sets, weights, dev)
	if err != nil {
		return nil, usage(err)
	}
	m.recordMerged(s, adapters)
	m.Config, m.Layers = merged.Config(), merged.Layers()
	tensors, larger, err := source.Separate()
	if err != nil {
		return nil, input(err)
	}
	if larger {
		m.notes = append(m.notes, "The base reads pictures too. The result is its language model alone.")
	}
	if m.Tensors, err = merged.Tensors(tensors); err != nil {
		return nil, input(err)
	}
	m.chat.Weights = base
	if len(sets) > 0 {
		m.chat.Weights = sets[0].Model()
		m.before = func() (*model.Model, error) { return s.together(weights) }
	} else {
		m.before = func() (*model.Model, error) { return loadModel(s.Model, compute.ModeF32, s.Quantized) }
	}
	return m, m.besides(s, where)
}

// load loads the adapters for a base.
func (s mergeSettings) load(base *model.Model) (sets []*adapter.Set, err error) {
	for _, path := range s.Adapters {
		one := adapter.LoadAs
		if s.OtherBase {
			one = adapter.LoadOnto
		}
		set, err := one(path, nil, base)
		if errors.Is(err, adapter.ErrOtherBase) {
			err = fmt.Errorf("%w\nIts change belongs to other weights, or is in these already; --allow_other_base merges it "+
				"anyway", err)
		}
		if err != nil {
			return nil, input(err)
		}
		sets = append(sets, set)
	}
	return sets, nil
}

// together loads the base with the adapters, for answers.
func (s mergeSettings) together(weights []float64) (*model.Model, error) {
	base, err := loadModel(s.Model, compute.ModeF32, s.Quantized)
	if err != nil {
		return nil, err
	}
	sets, err := s.load(base)
	if err != nil {
		return nil, err
	}
	return adapter.Together(base, sets, weights)
}

// recorded returns the record of the first adapter or the base's own, with the adapters that the base's weights hold.
func (s mergeSettings) recorded(base string) (adapter.Record, error) {
	of, err := adapter.ReadRecord(base)
	if err != nil || len(s.Adapters) == 0 {
		return of, input(err)
	}
	record, err := adapter.ReadRecord(s.Adapters[0], base)
	record.Merged = of.Merged
	return record, input(err)
}

// once refuses an adapter that is named twice, and one that the base's weights hold already by their record: the same
// file, or what it holds in another form.
func (s mergeSettings) once(r adapter.Record, adapters []adapter.MergedAdapter) error {
	for i, a := range adapters {
		for _, other := range adapters[:i] {
			if a.Same(other) {
				return usage(fmt.Errorf("adapter_name_or_path names one adapter twice (%s, %s): give it once, and "+
					"adapter_weights to add a multiple", other.Path, a.Path))
			}
		}
		at := slices.IndexFunc(r.Merged, a.Same)
		if at >= 0 && !s.OtherBase {
			return usage(fmt.Errorf("adapter %s is in the weights of %s already (its record names %s): merge it into "+
				"the base that it was trained on, or pass --allow_other_base", s.Adapters[i], s.Model, r.Merged[at].Path))
		}
	}
	return nil
}

// recordMerged completes the record of the model.
func (m *made) recordMerged(s mergeSettings, adapters []adapter.MergedAdapter) {
	r := &m.record
	if len(adapters) == 0 {
		return
	}
	if r.Quantization != "" && s.Quantized != r.Quantization {
		m.notes = append(m.notes, fmt.Sprintf("The adapter was trained over weights rounded to %s and is merged into the "+
			"stored ones; --base_quantization %s merges it into those.", r.Quantization, r.Quantization))
	}
	r.Version, r.Type, r.Base, r.Quantization = version, adapter.TypeMerged, lasting(s.Model), ""
	r.Fingerprint, r.Content, r.Gate, r.GateActivation = "", "", "", ""
	r.Merged = append(r.Merged, adapters...)
}

// named lists the adapters by their files.
func (s mergeSettings) named(weights []float64) ([]adapter.MergedAdapter, error) {
	var all []adapter.MergedAdapter
	for i, path := range s.Adapters {
		f, err := readfile.Open(adapter.WeightsOf(path))
		if err != nil {
			return nil, input(err)
		}
		defer f.Close()
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return nil, input(err)
		}
		all = append(all, adapter.MergedAdapter{
			Path: lasting(path), SHA256: hex.EncodeToString(h.Sum(nil)), Weight: weights[i],
		})
	}
	return all, nil
}

// besides finds tokenizer, chat template and settings of generation: the last adapter's where it has its own.
func (m *made) besides(s mergeSettings, base string) (err error) {
	last := ""
	if n := len(s.Adapters); n > 0 {
		last = s.Adapters[n-1]
	}
	dirs := partDirs(last, base)
	where := tokenizerDir(dirs)
	if m.Files, err = tokenizerFiles(where); err != nil {
		return err
	}
	if m.chat.Tokenizer, err = loadTokenizer(where, m.chat.Weights); err != nil {
		m.notes = append(m.notes, fmt.Sprintf("The model has no tokenizer that can be used: %v.", err))
		m.chat.Tokenizer = nil
		return m.withoutTokenizer(dirs)
	}
	if len(m.Files) == 0 { // it is a GGUF file's, or llama2.c's
		if m.Files, err = m.chat.Tokenizer.Files(); err != nil {
			return input(err)
		}
	}
	if m.chat.Generation, err = chat.ReadGeneration(dirs...); err != nil {
		return err
	}
	r := m.record
	if err := m.chat.ChooseRecipe("", chat.Recorded{Recipe: r.Recipe, Hash: r.Template}, dirs...); err != nil {
		return err
	}
	template, err := chat.ReadTemplate(dirs...)
	if err != nil {
		return input(err)
	}
	m.template = template
	maps.Copy(m.Files, template.Files())
	if m.Files[chat.GenerationFile], err = m.chat.GenerationJSON(); err != nil {
		return input(err)
	}
	if m.Files[chat.GenerationFile] == nil {
		delete(m.Files, chat.GenerationFile)
	}
	return m.addRecord()
}

// withoutTokenizer adds the files of a model that has no tokenizer: they stay as they are.
func (m *made) withoutTokenizer(dirs []string) error {
	template, err := chat.ReadTemplate(dirs...)
	if err != nil {
		return input(err)
	}
	maps.Copy(m.Files, template.Files())
	g, err := chat.ReadGeneration(dirs...)
	if err == nil && filepath.Base(g.Path) == chat.GenerationFile {
		m.Files[chat.GenerationFile], err = readfile.Whole(g.Path, readfile.Settings)
	}
	if err != nil {
		return err
	}
	return m.addRecord()
}

// addRecord adds the file of the record, if adapters are merged.
func (m *made) addRecord() (err error) {
	r := m.record
	if r.Type == "" {
		return nil
	}
	if r.Tokenizer = ""; m.chat.Tokenizer != nil {
		r.Tokenizer = m.chat.Tokenizer.Hash()
	}
	m.Files[adapter.RecordFile], err = r.Encode()
	return err
}
