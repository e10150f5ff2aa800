package adapter_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/model"
)

// computed lists the adapters of golden/peft whose logits, loss and gradients must equal PEFT's; the others must be
// refused with a reason. The README there says what each needs.
var computed = map[string]bool{
	"adaption_prompt": true, "lora_all_linear": true, "lora_alpha_negative": true, "lora_alpha_overlap": true,
	"lora_bias_all": true, "lora_exclude_list": true, "lora_exclude_regex": true, "lora_layers": true,
	"lora_layer_replication": true, "lora_layers_full_path": true, "lora_layers_pattern": true,
	"lora_lora_bias": true, "lora_olora_converted": true,
	"lora_pissa_converted": true, "lora_qv": true, "lora_rank_alpha_rslora": true, "lora_rank_overlap": true,
	"lora_rank_pattern": true, "lora_regex": true, "lora_regex_lookahead": true, "lora_rslora": true,
	"lora_target_parameters": true, "lora_unmatched_target": true, "lora_embed_tokens": true, "lora_lm_head": true,
	"lora_embeddings_saved_too": true, "lora_save_embed_and_head": true, "lora_save_lm_head": true,
	"lora_save_norms": true, "lora_save_tied": true, "lora_trainable_tokens": true,
	"trainable_tokens": true, "lora_pickle": true,
}

var refused = map[string]string{
	"adalora":   "peft_type ADALORA is not computed here: merge it",
	"boft":      "peft_type BOFT is not computed here: merge it",
	"fourierft": "peft_type FOURIERFT is not computed here: merge it",
	"hra":       "peft_type HRA is not computed here: merge it",
	"ia3":       "peft_type IA3 is not computed here: merge it",
	"ln_tuning": "peft_type LN_TUNING is not computed here: merge it",
	"loha":      "peft_type LOHA is not computed here: merge it",
	"lokr":      "peft_type LOKR is not computed here: merge it",
	"miss":      "peft_type MISS is not computed here: merge it",
	"oft":       "peft_type OFT is not computed here: merge it",
	"vera":      "peft_type VERA is not computed here: merge it",
	"p_tuning":  "peft_type P_TUNING is not computed here: it cannot be merged into its base: run it with PEFT",
	"lora_dora": "use_dora is true: DoRA is not computed here: merge it",

	"prefix_tuning": "peft_type PREFIX_TUNING is not computed here: it cannot be merged",
	"prompt_tuning": "peft_type PROMPT_TUNING is not computed here: it cannot be merged",

	"lora_dora_rslora_all": "use_dora is true: DoRA is not computed here: merge it",
}

// peftGolden holds an adapter's expected.json.
type peftGolden struct {
	Prompts [][]int32
	Logits  [][][]float64 // of the last position of each prompt
	Step    struct {
		Loss  float64
		Norms map[string]float64 `json:"grad_l2"` // by PEFT's names, with the adapter's
	} `json:"train_step"`
}

func golden(t *testing.T, into any, path ...string) {
	text, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, into))
}

func TestPEFTsAdaptersComputeAsInPEFTOrAreRefused(t *testing.T) {
	root := os.Getenv("FETTLE_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "shared")
	}
	root = filepath.Join(root, "golden")
	adapters, _ := filepath.Glob(filepath.Join(root, "peft", "adapters", "*"))
	if len(adapters) == 0 {
		t.Skip("reference material not found; set FETTLE_DATA")
	}
	dir := filepath.Join(root, "training", "stories260K")
	var data struct {
		Main struct {
			Steps []struct {
				Seqs []struct{ IDs, Labels []int32 }
			}
		}
	}
	golden(t, &data, dir, "data.json")
	var tokens, labels [][]int32
	for _, s := range data.Main.Steps[0].Seqs {
		tokens, labels = append(tokens, s.IDs), append(labels, s.Labels)
	}
	for _, path := range adapters {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			base, err := model.Load(filepath.Join(dir, "base"), fast(t, 1))
			require.NoError(t, err)
			set, err := adapter.Load(path, base)
			if !computed[name] {
				require.NotEmpty(t, refused[name])
				require.ErrorContains(t, err, refused[name])
				return
			}
			require.NoError(t, err)
			m := set.Model()
			var want peftGolden
			golden(t, &want, path, "expected.json")
			for i, prompt := range want.Prompts {
				got, err := m.Logits(model.Pack([][]int32{prompt}, nil), []int{len(prompt) - 1})
				require.NoError(t, err)
				require.InDeltaSlice(t, want.Logits[i][0], got, 5e-5)
				decoded, err := m.NewSession(0).Decode(prompt)
				require.NoError(t, err)
				require.Equal(t, bits(got), bits(decoded))
			}
			b := model.Pack(tokens, labels)
			set.ZeroGrad()
			losses, err := m.Gradients(b, model.Uniform(1/float64(len(b.Targets))))
			require.NoError(t, err)
			require.NoError(t, set.Finish())
			loss := 0.0
			for _, l := range losses {
				loss += l / float64(len(b.Targets))
			}
			require.InEpsilon(t, want.Step.Loss, loss, 1e-4)
			norms := map[string]float64{}
			for _, p := range set.Params() {
				for _, g := range p.Grad {
					norms[p.Name] += float64(g) * float64(g)
				}
			}
			require.Len(t, norms, len(want.Step.Norms))
			for theirs, norm := range want.Step.Norms {
				ours := strings.Replace(strings.Replace(theirs, ".default", "", 1), ".modules_to_save", "", 1)
				require.InEpsilon(t, norm, math.Sqrt(norms[ours]), 1e-4, ours)
			}
		})
	}
}
