package convert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"fettle/adapter"
	"fettle/internal/checkpoint"
	"fettle/internal/identify"
	"fettle/internal/readfile"
	"fettle/model"
)

// config returns config.json. That of a source in Hugging Face's layout is kept, byte for byte where nothing changes;
// others get a new one.
func (m Model) config(as checkpoint.Type) ([]byte, error) {
	if m.Source.Format != identify.HuggingFace {
		text, err := m.Config.JSON()
		if err != nil || as == "" {
			return text, err
		}
		return edited(text, []change{{"torch_dtype", dtypeName(as)}})
	}
	path := filepath.Join(m.Source.Path, configFile)
	text, err := readfile.WholeIn(m.Source.Path, configFile, readfile.Settings)
	if err != nil {
		return nil, err
	}
	if text, err = Configured(text, m.Config, as); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return text, nil
}

// Configured returns a config.json with the dimensions of c that a change of a model's weights can change, and the type
// of the weights ("": the file's own). Its other keys stay as they are. Of a model with an encoder of pictures it is
// the language model's.
func Configured(text []byte, c *model.Config, as checkpoint.Type) ([]byte, error) {
	text, err := language(text, c)
	if err != nil {
		return nil, err
	}
	var was struct {
		Layers int  `json:"num_hidden_layers"`
		Vocab  int  `json:"vocab_size"`
		Tied   bool `json:"tie_word_embeddings"`
		New    any  `json:"dtype"`
		Old    any  `json:"torch_dtype"`
	}
	if err := json.Unmarshal(text, &was); err != nil {
		return nil, err
	}
	var changes []change
	if was.Layers != c.Layers {
		changes = append(changes, change{"num_hidden_layers", c.Layers})
		more, err := byLayer(c)
		if err != nil {
			return nil, err
		}
		changes = append(changes, more...)
	}
	if was.Vocab != c.Vocab {
		changes = append(changes, change{"vocab_size", c.Vocab})
	}
	if was.Tied != c.Tied {
		changes = append(changes, change{"tie_word_embeddings", c.Tied})
	}
	if name := dtypeName(as); name != "" {
		if was.New != nil && was.New != name {
			changes = append(changes, change{"dtype", name})
		}
		if was.Old != name && (was.Old != nil || was.New == nil) {
			changes = append(changes, change{"torch_dtype", name})
		}
	}
	return edited(text, changes)
}

// byLayer returns the keys that say how layers differ.
func byLayer(c *model.Config) (changes []change, err error) {
	var written map[string]json.RawMessage
	text, err := c.JSON()
	if err == nil {
		err = json.Unmarshal(text, &written)
	}
	for _, key := range []string{"sliding_window", "use_sliding_window", "layer_types", "no_rope_layers"} {
		if value, ok := written[key]; ok {
			changes = append(changes, change{key, value})
		}
	}
	return changes, err
}

// language returns the config.json of the language model inside a larger one, others as they are.
func language(text []byte, c *model.Config) ([]byte, error) {
	var outer map[string]json.RawMessage
	if err := json.Unmarshal(text, &outer); err != nil {
		return nil, err
	}
	inner, nested := outer["text_config"]
	if !nested || string(inner) == "null" {
		return text, nil
	}
	var own struct {
		Type    any `json:"model_type"`
		Classes any `json:"architectures"`
	}
	var given map[string]json.RawMessage
	plain, err := c.JSON()
	if err := errors.Join(err, json.Unmarshal(plain, &own), json.Unmarshal(inner, &given)); err != nil {
		return nil, err
	}
	changes := []change{{"model_type", own.Type}, {"architectures", own.Classes}}
	for _, key := range []string{"bos_token_id", "eos_token_id", "pad_token_id", "tie_word_embeddings", "torch_dtype",
		"dtype", "transformers_version"} {
		if value, ok := outer[key]; ok && given[key] == nil {
			changes = append(changes, change{key, value})
		}
	}
	return edited(inner, changes)
}

// change is a new value of a key.
type change struct {
	key   string
	value any
}

// edited changes keys of a JSON object and keeps the order and the spelling of all others.
func edited(text []byte, changes []change) ([]byte, error) {
	if len(changes) == 0 {
		return text, nil
	}
	var all adapter.Object[json.RawMessage]
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	for _, c := range changes {
		value, err := json.Marshal(c.value)
		if err != nil {
			return nil, err
		}
		found := false
		for i := range all {
			if all[i].Key == c.key {
				all[i].Value, found = value, true
			}
		}
		if !found {
			all = append(all, adapter.Member[json.RawMessage]{Key: c.key, Value: value})
		}
	}
	compact, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, compact, "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}
