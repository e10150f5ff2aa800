package adapter_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/model"
)

// Writes what the scripts of docs/peers compare with PEFT and LitGPT: for each entry of the file that FETTLE_PEERS
// names, the logits of the last token of each prompt, and the adapter in another form.
func TestLogitsForPeers(t *testing.T) {
	path := os.Getenv("FETTLE_PEERS")
	if path == "" {
		t.Skip("run by docs/peers/peft_loads_ours.py")
	}
	var entries []*struct {
		Base    string      `json:"base"`
		Adapter string      `json:"adapter"`
		Prompts [][]int32   `json:"prompts"`
		Logits  [][]float32 `json:"logits"`

		Form     adapter.Form `json:"form"` // "": none
		To       string       `json:"to"`
		Portable bool         `json:"portable"`
	}
	golden(t, &entries, path)
	for _, e := range entries {
		base, err := model.Load(e.Base, fast(t, 1))
		require.NoError(t, err)
		set, err := adapter.Load(e.Adapter, base)
		require.NoError(t, err)
		if e.Form != "" {
			o := adapter.Output{Form: e.Form, Portable: e.Portable}
			require.NoError(t, adapter.Export(e.Adapter, base.Config(), e.To, o))
		}
		for _, prompt := range e.Prompts {
			logits, err := set.Model().Logits(model.Pack([][]int32{prompt}, nil), []int{len(prompt) - 1})
			require.NoError(t, err)
			e.Logits = append(e.Logits, logits)
		}
	}
	text, err := json.Marshal(entries)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o644))
}
