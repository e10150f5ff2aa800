package adapter

import (
	"errors"
	"fmt"
	"slices"

	"fettle/model"
)

// TypeTrainedTokens is the finetuning_type of TrainedTokens.
const TypeTrainedTokens = "trainable-tokens"

// TrainedTokens trains rows of the embedding, or of the head, and nothing else: PEFT's TRAINABLE_TOKENS. It comes from
// a file alone; new adapters have trainable_token_indices beside LoRA.
type TrainedTokens struct {
	Tokens []string `yaml:"-" json:"-"` // as Saved has them
}

// Name returns its finetuning_type.
func (TrainedTokens) Name() string { return TypeTrainedTokens }

func (t TrainedTokens) defaults() Method { return t }

func (t TrainedTokens) saved() Saved { return Saved{Tokens: t.Tokens} }

// Check returns an error where the tokens are none of the model's.
func (t TrainedTokens) Check(c *model.Config) error {
	if len(t.Tokens) == 0 {
		return errors.New("finetuning_type trainable-tokens continues an adapter of PEFT: set adapter_name_or_path, or " +
			"take lora with trainable_token_indices")
	}
	return t.saved().check(c, true)
}

// Params lists the rows. Those of a tied embedding are saved once more for the head, as PEFT does.
func (t TrainedTokens) Params(c *model.Config) ([]Spec, error) {
	rows, err := t.saved().rows(c)
	var specs []Spec
	for _, r := range rows {
		spec := r.alone().spec(c)
		if r.tied {
			spec.Also = spec.Echo
		}
		specs = append(specs, spec)
	}
	return specs, err
}

// Deltas puts the rows in the place of the base's.
func (t TrainedTokens) Deltas(m *model.Model, p Params) (map[model.Site]model.Delta, error) {
	rows, err := t.saved().rows(m.Config())
	deltas := map[model.Site]model.Delta{}
	for _, r := range rows {
		r.alone().put(deltas, m, p)
	}
	return deltas, err
}

// Scratch returns the memory of sums alone: the rows of one batch that are replaced are few.
func (t TrainedTokens) Scratch(c *model.Config, _, _, sums int) int64 {
	return t.saved().scratch(c, sums)
}

func (TrainedTokens) peftTypes() []string { return []string{"TRAINABLE_TOKENS"} }

// decode reads TrainableTokensConfig: the same tokens for every target.
func (t TrainedTokens) decode(keys *configKeys) (Method, error) {
	var ids []int
	keys.get("token_indices", &ids)
	keys.pass("init_weights")
	targets, one := keys.names("target_modules")
	if one != "" {
		targets = []string{one}
	} else if len(targets) == 0 {
		targets = []string{model.Embed.String()}
	}
	for _, target := range targets {
		if keys.err == nil && !endsIn("model.embed_tokens", target) && target != model.Head.String() {
			keys.err = fmt.Errorf("target_modules has %q, want embed_tokens or lm_head", target)
		}
		for _, id := range ids {
			t.Tokens = append(t.Tokens, fmt.Sprintf("%s:%d", target, id))
		}
	}
	return t, keys.err
}

// encode writes the keys that decode reads.
func (t TrainedTokens) encode() map[string]any {
	var targets []string
	var ids []int
	for _, m := range byModule(t.Tokens) {
		targets, ids = append(targets, m.Key), m.Value
	}
	return map[string]any{
		"peft_type": "TRAINABLE_TOKENS", "target_modules": slices.Sorted(slices.Values(targets)), "token_indices": ids,
		"init_weights": true,
	}
}
