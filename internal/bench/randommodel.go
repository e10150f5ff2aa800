package bench

import (
	"encoding/json"
	"io"
	"path/filepath"

	"fettle/internal/atomicfile"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
	"fettle/internal/compute"
	"fettle/internal/tinymodel"
	"fettle/model"
)

// WriteRandom writes a LLaMA of random BF16 weights into dir, which it makes, in the layout of Hugging Face, with a
// tokenizer of bytes. It takes the memory of the largest matrix.
func WriteRandom(dir string, c *model.Config) error {
	if err := atomicfile.PrivateDir(dir); err != nil {
		return err
	}
	text, err := json.Marshal(map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "torch_dtype": "bfloat16",
		"hidden_size": c.Hidden, "intermediate_size": c.Intermediate, "num_hidden_layers": c.Layers,
		"num_attention_heads": c.Heads, "num_key_value_heads": c.KVHeads, "head_dim": c.HeadDim, "vocab_size": c.Vocab,
		"max_position_embeddings": c.MaxPositions, "tie_word_embeddings": c.Tied, "rms_norm_eps": c.NormEps,
		"rope_theta": c.RopeTheta, "hidden_act": "silu", "bos_token_id": c.BOS, "eos_token_id": c.EOS,
	})
	if err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(dir, "config.json"), atomicfile.Private(atomicfile.Bytes(text))); err != nil {
		return err
	}
	if err := tinymodel.WriteTokenizer(dir); err != nil {
		return err
	}
	var lazy []checkpoint.Lazy
	for _, t := range randomTensors(c, compute.BF16) {
		lazy = append(lazy, t.Lazy())
	}
	weights := func(w io.Writer) error { return safetensors.Write(w, lazy, map[string]string{"format": "pt"}) }
	return atomicfile.Write(filepath.Join(dir, "model.safetensors"), atomicfile.Private(weights))
}
