package gguf

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
)

// TestMixesHaveTheTypesAndBytesOfLlamaCpp quantizes three models to every mix and compares type and bytes of every
// tensor with those of llama.cpp's files.
func TestMixesHaveTheTypesAndBytesOfLlamaCpp(t *testing.T) {
	shared := os.Getenv("FETTLE_DATA")
	if shared == "" {
		shared = "../../../../shared"
	}
	for name, dir := range map[string]string{
		"tiny": "golden/gguf/tiny", "stories260K": "data/weights/stories260K/hf",
		"babyllama_tok361": "data/weights/babyllama_tok361/hf",
	} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(shared, "golden", "gguf", name+".json"))
			if err != nil {
				t.Skipf("no reference data: %v", err)
			}
			var golden map[string]struct {
				FileType int `json:"file_type"`
				Tensors  map[string]json.RawMessage
			}
			require.NoError(t, json.Unmarshal(text, &golden))
			require.Len(t, golden, len(Mixes()))
			model, tensors := huggingFace(t, filepath.Join(shared, dir))
			for _, mix := range Mixes() {
				want := golden[mix.Name]
				require.Equal(t, want.FileType, int(mix.File))
				require.Len(t, want.Tensors, len(tensors))
				types := mix.Types(model, tensors)
				for i, tensor := range tensors {
					raw := want.Tensors[tensor.Name]
					var one struct {
						Type   checkpoint.Type
						SHA256 string
					}
					if raw[0] == '[' {
						var pair [2]string
						require.NoError(t, json.Unmarshal(raw, &pair))
						one.Type, one.SHA256 = checkpoint.Type(pair[0]), pair[1]
					} else {
						require.NoError(t, json.Unmarshal(raw, &one))
					}
					require.Equal(t, one.Type, types[i], "%s %s", mix.Name, tensor.Name)
					var data bytes.Buffer
					require.NoError(t, checkpoint.Computed{Tensor: tensor}.As(types[i]).Write(&data))
					sum := sha256.Sum256(data.Bytes())
					require.Equal(t, one.SHA256, hex.EncodeToString(sum[:]), "%s %s", mix.Name, tensor.Name)
				}
			}
		})
	}
}

// names are GGUF's names for the tensors of a Hugging Face layer.
var names = strings.NewReplacer("model.layers.", "blk.", "input_layernorm", "attn_norm", "post_attention_layernorm",
	"ffn_norm", "self_attn.q_proj", "attn_q", "self_attn.k_proj", "attn_k", "self_attn.v_proj", "attn_v",
	"self_attn.o_proj", "attn_output", "mlp.gate_proj", "ffn_gate", "mlp.up_proj", "ffn_up", "mlp.down_proj",
	"ffn_down", "model.embed_tokens", "token_embd", "model.norm", "output_norm", "lm_head", "output")

// huggingFace reads a LLaMA from its directory as GGUF has it: its names, and each head's rows in pairs.
func huggingFace(t *testing.T, dir string) (Model, []checkpoint.Tensor) {
	var config struct {
		Heads  int  `json:"num_attention_heads"`
		KV     int  `json:"num_key_value_heads"`
		Layers int  `json:"num_hidden_layers"`
		Tied   bool `json:"tie_word_embeddings"`
	}
	text, err := os.ReadFile(filepath.Join(dir, "config.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &config))
	file, err := safetensors.Open(filepath.Join(dir, "model.safetensors"))
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	var tensors []checkpoint.Tensor
	for _, name := range file.Names() {
		tensor, _ := file.Tensor(name)
		if name == "lm_head.weight" && config.Tied {
			continue
		}
		heads := map[bool]int{true: config.Heads, false: config.KV}[strings.Contains(name, "q_proj")]
		if strings.Contains(name, "q_proj") || strings.Contains(name, "k_proj") {
			rows := tensor.Shape[0]
			half := rows / heads / 2
			for i := range rows {
				head, at := i/(2*half), i%(2*half)
				tensor.Order = append(tensor.Order, int32(head*2*half+at%2*half+at/2))
			}
		}
		tensor.Name = names.Replace(name)
		tensors = append(tensors, tensor)
	}
	slices.Reverse(tensors) // the mixes do not depend on the order
	return Model{"llama", config.Layers, config.Heads, config.KV}, tensors
}
