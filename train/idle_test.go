package train

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
)

func TestEverySettingStatesWhenItActs(t *testing.T) {
	stated := strings.Fields(always)
	for _, on := range conditions() {
		stated = append(stated, strings.Fields(on.keys)...)
		require.Contains(t, keysOf(reflect.TypeFor[Config]()), on.beside)
	}
	for _, m := range (adapter.Methods{}).All() {
		stated = append(stated, methodKeys(m)...)
	}
	have := keysOf(reflect.TypeFor[Config]())
	slices.Sort(stated)
	slices.Sort(have)
	require.Equal(t, have, slices.Compact(stated), "a setting acts always, under a condition, or with its method")
}

func TestIdleSettingsAreThoseThatCannotAct(t *testing.T) {
	idle := func(change func(*Config)) []string {
		c := Defaults()
		change(&c)
		var keys []string
		for _, i := range c.Idle() {
			keys = append(keys, i.Key)
		}
		return keys
	}
	none := func(*Config) {}
	for _, key := range []string{"initializer_range", "tokenizer_name", "adapter_len", "gate", "eval_steps",
		"early_stopping_threshold", "allow_other_base", "sample_steps", "sample_max_new_tokens"} {
		require.Contains(t, idle(none), key)
	}
	for _, c := range []struct {
		key    string
		change func(*Config)
	}{
		{"lora_rank", func(c *Config) { c.Type = "full" }},
		{"lora_dropout", func(c *Config) { c.Type = "llama-adapter" }},
		{"adapter_name_or_path", func(c *Config) { c.Type = "full" }},
		{"val_size", func(c *Config) { c.EvalDataset = []string{"held.json"} }},
		{"warmup_ratio", func(c *Config) { c.WarmupSteps = 10 }},
		{"warmup_steps", func(c *Config) { c.Schedule = "constant" }},
		{"num_train_epochs", func(c *Config) { c.MaxSteps = 10 }},
		{"columns", func(c *Config) { c.DatasetFormat = "tokenized" }},
		{"train_on", func(c *Config) { c.DatasetFormat = "text" }},
		{"clean", func(c *Config) { c.DatasetFormat = "text" }},
		{"activation_memory_mb", func(c *Config) { c.Recompute = "none" }},
		{"dataset_format", func(c *Config) { c.Dataset = []string{"data/dataset_info.json:a"} }},
	} {
		require.NotContains(t, idle(none), c.key)
		require.Contains(t, idle(c.change), c.key)
	}
}
