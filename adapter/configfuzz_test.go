package adapter

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/budget"
)

// FuzzConfig reads any bytes as adapter_config.json: an error, or settings that
// are written and read again as themselves.
func FuzzConfig(f *testing.F) {
	for _, text := range []string{
		`{"peft_type": "LORA", "r": 8, "lora_alpha": 16.5, "lora_dropout": 0.05, "target_modules": ["v_proj", "q_proj"]}`,
		`{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ".*q_proj", "exclude_modules": ".*1.*",
			"rank_pattern": {"q_proj": 3, "a": 2}, "alpha_pattern": {"q_proj": 3}}`,
		`{"peft_type": "LORA", "target_modules": ["q_proj"], "layers_to_transform": 1, "use_rslora": true,
			"init_lora_weights": "gaussian", "layers_pattern": "layers", "exclude_modules": ["o_proj"], "lora_bias": true}`,
		`{"peft_type": "LORA", "target_modules": [], "target_parameters": ["mlp.down_proj.weight"]}`,
		`{"peft_type": "ADAPTION_PROMPT", "adapter_len": 10, "adapter_layers": 30}`,
		`{"peft_type": "ADAPTION_PROMPT", "adapter_len": 10, "adapter_layers": 0}`,
		`{"peft_type": "FETTLE_LLAMA_ADAPTER", "adapter_len": 2, "adapter_layers": 1, "gate": "per_head",
			"gate_activation": "tanh", "base_model_name_or_path": "x"}`,
		`{"peft_type": "LORA", "target_modules": ""}`, `{"peft_type": "LORA", "target_modules": []}`,
		`{"peft_type": "IA3"}`, `[]`, `null`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		defer budget.Of(t, len(text))()
		m, base, err := decodeMethod(text)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		written, err := encodeMethod(m, base)
		require.NoError(t, err)
		again, base, err := decodeMethod(written)
		require.NoError(t, err, "%s", written)
		twice, err := encodeMethod(again, base)
		require.NoError(t, err)
		require.Equal(t, string(written), string(twice))
	})
}
