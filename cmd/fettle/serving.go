package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fettle/adapter"
	"fettle/internal/compute"
	"fettle/model"
	"fettle/model/chat"
)

// servedModels names the models to serve: those of adapters, each with its base, or a base alone.
type servedModels struct {
	Model     string   `yaml:"model_name_or_path" path:"true" group:"model" alias:"base_model,model" help:"directory or file of the base model; default: the ones recorded with the adapters"`
	Adapters  []string `yaml:"adapter_name_or_path" path:"true" whole:"true" alias:"lora_model_dir,adapter_path,adapter" help:"an adapter, as chat takes it; repeat the flag to serve several, each under its directory's name or as NAME=PATH"`
	OtherBase bool     `yaml:"allow_other_base" help:"use adapters on a base that they were not trained on, such as a quantized copy of their own"`
	Recipe    string   `yaml:"recipe" path:"true" group:"prompt" alias:"template,chat_template" help:"prompt template: a recipe, chat_template (the model's own) or a file.jinja; default: the one recorded with each adapter"`
	Compute   string   `yaml:"compute" group:"compute" help:"products of frozen weights: auto, f32, bf16 or int8"`
	Quantized string   `yaml:"quantization" alias:"quantize" help:"frozen projections in memory: none, int8 or nf4; auto: as each adapter was trained"`

	roomSettings `yaml:",inline"`
}

// named is a model to serve, under a name of the user's or "".
type named struct {
	source
	name string
}

// sources checks the paths and completes each model; without any it is the newest run.
func (s servedModels) sources(cmd *cobra.Command) ([]named, error) {
	adapters := s.Adapters
	if len(adapters) == 0 {
		adapters = []string{""}
	}
	var all []named
	for _, path := range adapters {
		name, rest, cut := strings.Cut(path, "=")
		if !cut || isThere(path) || strings.ContainsAny(name, `/\`) {
			name, rest = "", path
		}
		m := named{source{s.Model, rest, s.OtherBase, s.Recipe, s.Compute, s.Quantized, s.roomSettings}, name}
		if err := m.settle(cmd); err != nil {
			return nil, err
		}
		if err := m.complete(); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// bases loads base models for adapters, each once.
type bases struct {
	loaded map[string]*model.Model
	keys   []string // of loaded, in the order in which they were asked for
}

func (b *bases) load(name, mode, quantization string) (*model.Model, error) {
	if quantization == "auto" || quantization == "" {
		quantization = compute.NotQuantized
	}
	key := strings.Join([]string{lasting(name), mode, quantization}, "\n")
	b.keys = append(b.keys, key)
	if m := b.loaded[key]; m != nil {
		return m, nil
	}
	m, err := loadModel(name, mode, quantization)
	b.loaded[key] = m
	return m, err
}

// engineOf loads models, and answers with each and then with the base of each adapter, under names of their own. s
// holds the settings of answers, of which those that are not given are each model's.
func engineOf(list []named, s chat.Sampling, given func(key string) bool, out io.Writer) (*chat.Engine, error) {
	loaded, taken := &bases{loaded: map[string]*model.Model{}}, map[string]bool{}
	var tuned, bare []chat.Served
	known := map[string]string{} // the names of bases
	context, err := roomFor(list, true, s.MaxNewTokens+usualPrompt, out)
	if err != nil {
		return nil, err
	}
	for _, from := range list {
		m, err := from.openOn(loaded.load)
		if err != nil {
			return nil, err
		}
		m.Context = context
		one := chat.Served{Model: m, Sampling: s, Made: from.made()}
		if one.Name, err = choose(taken, from.names()...); err != nil {
			return nil, err
		}
		if err := prepare(m, &one.Sampling, given, out); err != nil {
			return nil, err
		}
		if m.NoPrompt != nil {
			fmt.Fprintf(out, "No chats with %s: the model's own chat template cannot be used: %v\n", one.Name, m.NoPrompt)
		}
		tuned = append(tuned, one)
	}
	for i, from := range list {
		if from.Adapter == "" {
			continue
		}
		key := loaded.keys[i]
		if known[key] == "" {
			m, err := withoutAdapter(tuned[i].Model, from.source)
			if err != nil {
				return nil, err
			}
			dir := filepath.Base(lasting(from.Model))
			one := chat.Served{Model: m, Sampling: tuned[i].Sampling, Made: madeAt(from.Model)}
			if one.Name, err = choose(taken, "base", dir, "base model", "base "+dir); err != nil {
				return nil, err
			}
			known[key], bare = one.Name, append(bare, one)
		}
		tuned[i].Base = known[key]
	}
	e := chat.NewEngine()
	for _, one := range append(tuned, bare...) {
		if err := e.Add(one); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// withoutAdapter returns the base of a model, with the model's prompt.
func withoutAdapter(m *chat.Model, from source) (*chat.Model, error) {
	bare := *m
	bare.Weights, bare.Adapter = m.Weights.Bare(), ""
	if rows := bare.Weights.Config().Vocab; m.Tokenizer.Size() > rows { // the adapter brings tokens of its own
		where, err := locatedModel(from.Model)
		if err != nil {
			return nil, err
		}
		if bare.Tokenizer, err = loadTokenizer(where, bare.Weights); err != nil {
			return nil, err
		}
	}
	return &bare, nil
}

// choose returns the first of the names that no model has yet.
func choose(taken map[string]bool, names ...string) (string, error) {
	for _, name := range names {
		if name != "" && !taken[name] {
			taken[name] = true
			return name, nil
		}
	}
	return "", usage(fmt.Errorf("two models are called %s: name them, --adapter_name_or_path NAME=PATH",
		strings.Join(slices.Compact(names), " or ")))
}

// names lists the names that a model may get: the user's, else its directory's, with the one around it if need be.
func (m named) names() []string {
	path := m.Adapter
	if path == "" {
		path = m.Model
	}
	if m.name != "" {
		return []string{m.name}
	}
	full := lasting(path)
	own, around := filepath.Base(full), filepath.Base(filepath.Dir(full))
	if strings.HasPrefix(own, "checkpoint-") && isDir(full) {
		return []string{around + "/" + own, full}
	}
	return []string{own, around + "/" + own, full}
}

// made returns when a model's files were written.
func (m named) made() time.Time {
	if m.Adapter == "" {
		return madeAt(m.Model)
	}
	path, _, _ := adapter.Locate(m.Adapter)
	return madeAt(path)
}

// madeAt returns the time of the last change at a path, zero if there is nothing.
func madeAt(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
