package adapter

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// peftPrefix begins PEFT's names of modules; the base's own names follow.
const peftPrefix = "base_model.model."

// otherTypes lists the values of peft_type that PEFT 0.21 or its predecessors know and this package does not compute,
// with what to do instead.
var otherTypes = []struct{ instead, types string }{
	{merged, "ADALORA ADAMSS BEFT BOFT BONE C3A DEFT DELORA FOURIERFT FROD GLORA GRALORA HIRA HRA IA3 LN_TUNING LOHA " +
		"LOKR MISS OFT OSF PEANUT PSOFT PVERA RANDLORA ROAD SHIRA SUPERTUNING TINYLORA UNILORA VBLORA " +
		"VERA WAVEFT"},
	{"it cannot be merged into its base: run it with PEFT", "CARTRIDGE CPT LILY MULTITASK_PROMPT_TUNING P_TUNING POLY " +
		"PREFIX_TUNING PROMPT_TUNING SHADOW XLORA"},
}

// merged is the way to use an adapter of a method that PEFT can merge.
const merged = "merge it into its base with PEFT (merge_and_unload), save that as a model and use the model"

// commonKeys lists the keys of every method that have no effect on what an adapter computes.
var commonKeys = []string{"auto_mapping", "revision", "inference_mode", "peft_version", "runtime_config",
	"library_name", "transformers_version", "torch_dtype"}

// classifiers lists the values of task_type whose models have another head than a language model.
var classifiers = []string{"SEQ_CLS", "TOKEN_CLS", "QUESTION_ANS"}

// decodeMethod reads adapter_config.json, as any version of PEFT writes it, by the method whose peft_type it names.
func decodeMethod(text []byte) (m Method, base string, err error) {
	keys, name, task := newConfigKeys(text), "", ""
	keys.get("base_model_name_or_path", &base)
	keys.get("task_type", &task)
	keys.pass(commonKeys...)
	keys.number("peft_type", &name)
	switch {
	case keys.err != nil:
		return nil, "", keys.err
	case slices.Contains(classifiers, task):
		return nil, "", fmt.Errorf("task_type is %s: the adapter belongs to a classifier, not to a language model", task)
	case name == "" && keys.all.index("lora_parameters") >= 0:
		return nil, "", fmt.Errorf("it is an adapter of MLX (lora_parameters), not of PEFT: " +
			"fuse it into its base with mlx_lm.fuse and use the model")
	case name == "":
		return nil, "", fmt.Errorf("peft_type is missing: not a configuration of PEFT's")
	}
	var known []string
	for _, m := range (Methods{}).All() {
		for _, own := range m.peftTypes() {
			if own == name {
				if m, err = m.decode(keys); err == nil {
					err = keys.done()
				}
				return m, base, err
			}
			known = append(known, own)
		}
	}
	for _, o := range otherTypes {
		if slices.Contains(strings.Fields(o.types), name) {
			return nil, "", fmt.Errorf("peft_type %s is not computed here: %s", name, o.instead)
		}
	}
	return nil, "", fmt.Errorf("peft_type %q is unknown, want %s", name, strings.Join(known, " or "))
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
