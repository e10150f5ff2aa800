package chat

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fettle/internal/checkpoint/gguf"
	"fettle/internal/identify"
	"fettle/internal/plainjson"
	"fettle/internal/readfile"
)

// The keys of a GGUF file that this package reads.
const (
	templateKey = "tokenizer.chat_template" // and tokenizer.chat_template.NAME
	samplingKey = "general.sampling."
	suppressKey = "tokenizer.ggml.suppress_tokens"
)

// parts returns where a model keeps what is not its weights: the directory that a path names or that a file is in, and
// the keys of a GGUF file, which is the path or the only one in a directory without another model.
func parts(path string) (dir string, keys gguf.Metadata, err error) {
	if layout, at := identify.ModelAt(path); layout == identify.GGUFModel {
		if at != path {
			if _, err := readfile.Inside(path, filepath.Base(at)); err != nil {
				return "", nil, err
			}
		}
		f, err := gguf.Open(at)
		if err != nil {
			return "", nil, fmt.Errorf("read %s: %w", at, err)
		}
		return filepath.Dir(at), f.Metadata, f.Close()
	}
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return filepath.Dir(path), nil, nil
	}
	return path, nil, nil
}

// ggufTemplate returns the chat template in a file's keys, the default of several.
func ggufTemplate(path string, keys gguf.Metadata) (t Template, err error) {
	named := map[string]*string{"": &t.Default, ".default": &t.Default, ".tool_use": &t.ToolUse}
	found := false
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		rest, ok := strings.CutPrefix(key, templateKey)
		if !ok || rest != "" && rest[0] != '.' {
			continue
		}
		text, ok := keys.Text(key)
		if !ok {
			return Template{}, fmt.Errorf("read %s: %s is no text", path, key)
		}
		found = found || text != ""
		if into := named[rest]; into != nil && *into == "" {
			*into = text
		}
	}
	if !found {
		return Template{}, nil
	}
	if t.Default == "" {
		t.Default = t.ToolUse
	}
	if t.Path = path; t.Default == "" {
		return t, fmt.Errorf("read %s: it has chat templates, but %s is not among them", path, templateKey)
	}
	return t, nil
}

// ggufGeneration returns the settings of generation in a file's keys.
func ggufGeneration(path string, keys gguf.Metadata) (g Generation, err error) {
	g.other = map[string]json.RawMessage{}
	names := samplingNames()
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		name, ok := strings.CutPrefix(key, samplingKey)
		if !ok {
			continue
		}
		value := keys[key]
		if x, ok := value.(float64); ok {
			value = float32(x) // 0.2, not 0.20000000298
		}
		if g.other[cmp.Or(names[name], name)], err = json.Marshal(value); err != nil {
			return g, fmt.Errorf("read %s: %s: %w", path, key, err)
		}
		g.Path = path
	}
	if at, ok := g.other["temperature"]; ok { // without do_sample, transformers takes the likeliest token
		if g.other["do_sample"] = json.RawMessage("true"); string(at) == "0" {
			g.other["do_sample"] = json.RawMessage("false")
			delete(g.other, "temperature")
		}
	}
	if tokens, ok := keys[suppressKey].([]int64); ok && len(tokens) > 0 {
		if g.other["suppress_tokens"], err = json.Marshal(tokens); err != nil {
			return g, fmt.Errorf("read %s: %s: %w", path, suppressKey, err)
		}
		g.Path = path
	}
	text, err := json.Marshal(g.other)
	if err == nil {
		err = json.Unmarshal(text, &g)
	}
	if err != nil {
		return g, fmt.Errorf("read %s: %s…: %w", path, samplingKey, plainjson.Explain(err))
	}
	return g, nil
}

// samplingNames returns transformers' names of settings that llama.cpp has others for.
func samplingNames() map[string]string {
	return map[string]string{"temp": "temperature", "penalty_repeat": "repetition_penalty"}
}

// GGUF returns the keys of a GGUF file for the settings. do_sample: false stands for temperature 0. What llama.cpp has
// no key for is left out.
func (g Generation) GGUF() (keys []gguf.Key) {
	for _, name := range []string{
		"sequence", "top_k", "top_p", "min_p", "xtc_probability", "xtc_threshold", "temp", "penalty_last_n",
		"penalty_repeat", "mirostat", "mirostat_tau", "mirostat_eta",
	} {
		raw := g.other[cmp.Or(samplingNames()[name], name)]
		if greedy := g.Sample != nil && !*g.Sample; name == "temp" && greedy {
			raw = json.RawMessage("0")
		}
		var value any
		var number float64
		switch err := json.Unmarshal(raw, &number); {
		case name == "sequence":
			var text string
			if json.Unmarshal(raw, &text) != nil {
				continue
			}
			value = text
		case err != nil || string(raw) == "null":
			continue
		case name == "top_k" || name == "penalty_last_n" || name == "mirostat":
			value = int32(number)
		default:
			value = float32(number)
		}
		keys = append(keys, gguf.Key{Name: samplingKey + name, Value: value})
	}
	if len(g.Suppressed) > 0 {
		keys = append(keys, gguf.Key{Name: suppressKey, Value: []int32(g.Suppressed)})
	}
	return keys
}

// GGUF returns the keys of a GGUF file for the template; none if there is none.
func (t Template) GGUF() (keys []gguf.Key) {
	if t.Default != "" {
		keys = append(keys, gguf.Key{Name: templateKey, Value: t.Default})
	}
	if t.ToolUse != "" && t.ToolUse != t.Default {
		keys = append(keys, gguf.Key{Name: templateKey + ".tool_use", Value: t.ToolUse},
			gguf.Key{Name: "tokenizer.chat_templates", Value: []string{"tool_use"}})
	}
	return keys
}
