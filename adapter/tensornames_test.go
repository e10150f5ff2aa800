package adapter

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTensorsAreFoundByTheNamesOfModelsToo(t *testing.T) {
	const q = "base_model.model.model.layers.0.self_attn.q_proj."
	const embed, gate = "base_model.model.model.embed_tokens.", "base_model.model.model.layers.1.self_attn.adaption_gate"
	for _, c := range []struct{ name, want string }{
		{q + "lora_A.weight", q + "lora_A.weight"},
		{q + "lora_A.default.weight", q + "lora_A.weight"},
		{q + "lora_B.my-adapter_2.weight", q + "lora_B.weight"},
		{q + "lora_B.default.bias", q + "lora_B.bias"},
		{embed + "lora_embedding_A", embed + "lora_embedding_A"},
		{embed + "lora_embedding_B.alice", embed + "lora_embedding_B"},
		{"base_model.model.lm_head.modules_to_save.default.weight", "base_model.model.lm_head.weight"},
		{"base_model.model.lm_head.weight", "base_model.model.lm_head.weight"},
		{embed + "token_adapter.trainable_tokens_delta.x",
			embed + "token_adapter.trainable_tokens_delta"},
		{"base_model.model._orig_mod.model.layers.0.self_attn.q_proj.lora_A.weight", q + "lora_A.weight"},
		{"model.layers.0.self_attn.q_proj.lora_A.default.weight", q + "lora_A.weight"},
		{gate, gate},
		{"adapter_query.weight", "adapter_query.weight"},
		{"layers.0.attention.gate", "layers.0.attention.gate"},
	} {
		require.Equal(t, c.want, savedName(c.name), c.name)
		require.Equal(t, c.want, savedName(c.want), "names of files stay")
	}
}
