package adapter

import (
	"slices"
	"strings"
)

// namedParts are the parts of PEFT's names after which the adapter's name follows in a model, but not in its files.
var namedParts = []string{
	"lora_A", "lora_B", "lora_embedding_A", "lora_embedding_B", "modules_to_save", "trainable_tokens_delta",
}

// savedName returns the name that PEFT saves a tensor with, given that name, or the one that the tensor has in a model:
// with the adapter's name, default or another, after the part that belongs to the adapter, with _orig_mod of
// torch.compile, and without PEFT's prefix. States of models that were saved as they are have such names.
func savedName(name string) string {
	parts := slices.DeleteFunc(strings.Split(name, "."), func(p string) bool { return p == "_orig_mod" })
	for i := 0; i < len(parts); i++ {
		if !slices.Contains(namedParts, parts[i]) {
			continue
		}
		if i+1 < len(parts) && parts[i+1] != "weight" && parts[i+1] != "bias" {
			parts = slices.Delete(parts, i+1, i+2)
		}
		if parts[i] == "modules_to_save" { // the module itself stands in its place
			parts = slices.Delete(parts, i, i+1)
		}
		name = strings.Join(parts, ".")
		if !strings.HasPrefix(name, "base_model.") {
			name = peftPrefix + name
		}
		return name
	}
	return strings.Join(parts, ".")
}
