package adapter

import (
	"strconv"
	"strings"

	"fettle/model"
)

// decode reads the keys of PEFT's configurations. trainable_token_indices is a list for the embedding, or an object of
// lists by module.
func (s *Saved) decode(keys *configKeys) {
	keys.get("modules_to_save", &s.Modules)
	keys.get("ensure_weight_tying", &s.Tying)
	var byModule Object[[]int]
	if text, _ := keys.all.Get("trainable_token_indices"); len(text) > 0 && text[0] == '{' {
		keys.get("trainable_token_indices", &byModule)
	} else {
		var ids []int
		keys.get("trainable_token_indices", &ids)
		byModule = Object[[]int]{{model.Embed.String(), ids}}
	}
	for _, m := range byModule {
		for _, id := range m.Value {
			entry := strconv.Itoa(id)
			if m.Key != model.Embed.String() {
				entry = m.Key + ":" + entry
			}
			s.Tokens = append(s.Tokens, entry)
		}
	}
}

// encode writes the keys that decode reads.
func (s Saved) encode() map[string]any {
	keys := map[string]any{"modules_to_save": nil}
	if len(s.Modules) > 0 {
		keys["modules_to_save"] = s.Modules
	}
	if s.Tying {
		keys["ensure_weight_tying"] = true
	}
	tokens := byModule(s.Tokens)
	switch {
	case len(tokens) == 1 && tokens[0].Key == model.Embed.String():
		keys["trainable_token_indices"] = tokens[0].Value
	case len(tokens) > 0:
		keys["trainable_token_indices"] = tokens
	}
	return keys
}

// byModule groups entries of trainable_token_indices by module, in the order of the first of each.
func byModule(entries []string) Object[[]int] {
	var all Object[[]int]
	for _, entry := range entries {
		module, number, ok := strings.Cut(entry, ":")
		if !ok {
			module, number = model.Embed.String(), entry
		}
		id, _ := strconv.Atoi(strings.TrimSpace(number)) // checked
		module = strings.TrimSpace(module)
		if i := all.index(module); i >= 0 {
			all[i].Value = append(all[i].Value, id)
		} else {
			all = append(all, Member[[]int]{module, []int{id}})
		}
	}
	return all
}
