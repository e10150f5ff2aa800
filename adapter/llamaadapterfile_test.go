package adapter

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model"
)

// PEFT computes one gate for a layer and no activation; it has no key for gates and would compute other ones as if they
// were its own. A type that it does not know makes it stop.
func TestOnlyPEFTsGatesAreWrittenAsPEFTsType(t *testing.T) {
	for _, c := range []struct {
		gate, activation, kind, reads string
	}{
		{Scalar, None, "ADAPTION_PROMPT", "PEFT reads this adapter"},
		{PerHead, Tanh, "FETTLE_LLAMA_ADAPTER", "fettle convert --input runs/a --output NAME.pth"},
		{PerHead, None, "FETTLE_LLAMA_ADAPTER", "fettle convert --input runs/a --format litgpt --output NAME"},
	} {
		a := LLaMAAdapter{Len: 4, Layers: 2, Gate: c.gate, GateActivation: c.activation}
		text, err := encodeMethod(a, "base")
		require.NoError(t, err)
		var file struct {
			Type string `json:"peft_type"`
		}
		require.NoError(t, json.Unmarshal(text, &file))
		require.Equal(t, c.kind, file.Type)
		require.Contains(t, Readers(a, nil, "runs/a"), c.reads)
		again, base, err := decodeMethod(text)
		require.NoError(t, err)
		require.Equal(t, "base", base)
		require.Equal(t, a, again)
	}
	require.Empty(t, Readers(LoRA{Rank: 1, Targets: []string{"q_proj"}}, &model.Config{Layers: 1}, ""))
}

func TestPromptFilesAreReadAsPEFTReadsThem(t *testing.T) {
	for _, c := range []struct {
		name, keys string
		want       LLaMAAdapter
	}{
		{"as earlier files have it", `"peft_type": "ADAPTION_PROMPT", "adapter_len": 3, "adapter_layers": 2,
			"gate": "per_head", "gate_activation": "tanh"`,
			LLaMAAdapter{Len: 3, Layers: 2, Gate: PerHead, GateActivation: Tanh}},
		{"PEFT's own", `"peft_type": "ADAPTION_PROMPT", "adapter_len": 3, "adapter_layers": 2,
			"target_modules": "self_attn"`, LLaMAAdapter{Len: 3, Layers: 2, Gate: Scalar, GateActivation: None}},
		{"no layers are all of them", `"peft_type": "ADAPTION_PROMPT", "adapter_len": 3, "adapter_layers": 0`,
			LLaMAAdapter{Len: 3, Layers: 7, Gate: Scalar, GateActivation: None}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, _, err := decodeMethod([]byte(`{` + c.keys + `}`))
			require.NoError(t, err)
			text, err := encodeMethod(m, "")
			require.NoError(t, err)
			again, _, err := decodeMethod(text)
			require.NoError(t, err)
			require.Equal(t, m, again)
			require.Equal(t, c.want, Resolved(m, &model.Config{Layers: 7}))
		})
	}
	for _, c := range []struct{ keys, want string }{
		{`"adapter_len": 3, "adapter_layers": null`, "adapter_layers is null, want a whole number"},
		{`"adapter_len": 0, "adapter_layers": 2`, "adapter_len 0"},
		{`"adapter_len": 3, "adapter_layers": -1`, "adapter_layers -1"},
		{`"adapter_len": 3, "adapter_layers": 1, "target_modules": "mlp"`, `target_modules is "mlp", want self_attn`},
		{`"adapter_len": 3, "adapter_layers": 1, "multi_modal": true`, "unknown keys that are set: multi_modal (true)"},
	} {
		_, _, err := decodeMethod([]byte(`{"peft_type": "ADAPTION_PROMPT", ` + c.keys + `}`))
		require.ErrorContains(t, err, c.want)
	}
}
