package adapter

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// peftPrefix begins PEFT's names of modules; the base's own names follow.
const peftPrefix = "base_model.model."

// peftCommon are the keys of adapter_config.json that every method has.
type peftCommon struct {
	Type string  `json:"peft_type"`
	Base *string `json:"base_model_name_or_path"`
}

// decodeMethod reads adapter_config.json, as any version of PEFT writes it, by the method whose peft_type it names.
func decodeMethod(text []byte) (m Method, base string, err error) {
	var common peftCommon
	if err := json.Unmarshal(text, &common); err != nil {
		return nil, "", err
	}
	if common.Base != nil {
		base = *common.Base
	}
	var known []string
	for _, m := range (Methods{}).All() {
		name, _ := m.encode()["peft_type"].(string)
		if name == "" {
			continue
		}
		if name == common.Type {
			m, err = m.decode(text)
			return m, base, err
		}
		known = append(known, name)
	}
	return nil, "", fmt.Errorf("peft_type %q is not supported, want %s", common.Type, strings.Join(known, " or "))
}

// encodeMethod writes adapter_config.json with the keys that every version of PEFT reads, sorted and indented as PEFT
// does; nil for a method without that file.
func encodeMethod(m Method, base string) ([]byte, error) {
	own := m.encode()
	if own == nil {
		return nil, nil
	}
	file := map[string]any{
		"auto_mapping": nil, "base_model_name_or_path": nil, "inference_mode": true,
		"revision": nil, "task_type": "CAUSAL_LM",
	}
	if base != "" {
		file["base_model_name_or_path"] = base
	}
	maps.Copy(file, own)
	return json.MarshalIndent(file, "", "  ")
}
