package train

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"fettle/adapter"
)

// A state.json from when the methods' settings were fields of Config itself.
const earlierState = `{"step": 2, "config": {
	"ModelName": "fettle-tiny", "Shape": "", "Tokenizer": "", "Spread": 0.02, "Adapter": "", "Type": "lora",
	"Recipe": "alpaca", "Dataset": ["fettle-questions"], "DatasetFormat": "auto", "Weights": [], "Columns": [],
	"OnBadRow": "stop", "Specials": "recipe", "Fix": false, "Allow": [], "DataCache": "", "Cutoff": 256,
	"OverLong": "auto", "TrainOn": "recipe", "ValSize": 0, "EvalDataset": [], "Shuffle": true, "DropLast": false,
	"LoRARank": 8, "LoRAAlpha": 16, "LoRADropout": 0.05, "LoRATargets": ["all-linear"], "RSLoRA": true,
	"PromptLen": 10, "PromptLayers": 4, "Gate": "per_head", "GateActive": "tanh", "BatchSize": 4, "Accumulation": 1,
	"Epochs": 3, "MaxSteps": 2, "LearningRate": 0.0003, "Schedule": "cosine", "WarmupSteps": 0, "WarmupRatio": 0.03,
	"WeightDecay": 0, "Beta1": 0.9, "Beta2": 0.999, "Epsilon": 1e-8, "MaxGradNorm": 1, "Seed": 42, "Compute": "f32",
	"Quantized": "none", "SharePrefix": "false", "Recompute": "auto", "MaxMemory": "auto", "ActivationM": 1024,
	"OutputDir": "r", "EvalSteps": 0, "Patience": 0, "Threshold": 0, "LoadBest": false, "BestBy": "eval_loss",
	"SaveSteps": 2, "SaveLimit": 3, "LoggingSteps": 10, "Resume": "auto", "SamplePrompts": null, "SampleSteps": 0,
	"SampleTokens": 64}}`

func TestStatesOfEarlierRunsContinue(t *testing.T) {
	var s state
	require.NoError(t, json.Unmarshal([]byte(earlierState), &s))
	require.Equal(t, adapter.LoRA{Rank: 8, Alpha: 16, Dropout: 0.05, Targets: []string{"all-linear"}, RSLoRA: true},
		s.Config.LoRA)
	require.Equal(t, adapter.LLaMAAdapter{Len: 10, Layers: 4, Gate: "per_head", GateActivation: "tanh"},
		s.Config.LLaMAAdapter)
	require.NoError(t, s.continues(s.Config, &s.Inputs))

	// An empty list is the same as none.
	bare := s.Config
	bare.Weights, bare.Columns, bare.Allow, bare.EvalDataset = nil, nil, nil, nil
	require.NoError(t, s.continues(bare, &s.Inputs))
	require.NoError(t, state{Config: bare}.continues(s.Config, &Inputs{}))
	bare.Columns = []string{"output=answer"}
	require.ErrorContains(t, s.continues(bare, &s.Inputs), "columns was [], is [output=answer]")
	require.ErrorContains(t, state{Config: bare}.continues(s.Config, &Inputs{}), "columns was [output=answer], is []")

	// What is written now has the same keys.
	var before, now struct{ Config map[string]any }
	text, err := json.Marshal(s)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &now))
	require.NoError(t, json.Unmarshal([]byte(earlierState), &before))
	keys := func(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
	for _, key := range keys(before.Config) {
		require.Equal(t, before.Config[key], now.Config[key], key)
	}

	other := s.Config
	other.LoRA.Rank = 9
	require.ErrorContains(t, s.continues(other, &s.Inputs), "lora_rank was 8, is 9")
	other = s.Config
	other.LLaMAAdapter.Gate = "scalar"
	require.NoError(t, s.continues(other, &s.Inputs), "a setting of another method acts in neither run")
	s.Config.Type, other.Type = "llama-adapter", "llama-adapter"
	require.ErrorContains(t, s.continues(other, &s.Inputs), "gate was per_head, is scalar")

	other = s.Config
	other.WarmupRatio = 0.1
	require.ErrorContains(t, s.continues(other, &s.Inputs), "warmup_ratio was 0.03, is 0.1")
	s.Config.WarmupSteps, other.WarmupSteps = 5, 5
	require.NoError(t, s.continues(other, &s.Inputs), "warmup_steps leaves warmup_ratio nothing to do")
}

func TestMethodsSettingsAreAmongTheRunsOwn(t *testing.T) {
	text, err := yaml.Marshal(Defaults())
	require.NoError(t, err)
	require.Contains(t, string(text), strings.Join([]string{
		"lora_rank: 8", "lora_alpha: 16", "lora_dropout: 0", "lora_target_modules:", "    - q_proj", "    - v_proj",
		"use_rslora: false", "modules_to_save: []", "trainable_token_indices: []", "ensure_weight_tying: false",
		"adapter_len: 10", "adapter_layers: 0", "gate: per_head", "gate_activation: tanh",
		"per_device_train_batch_size: 4",
	}, "\n"))
	var again Config
	require.NoError(t, yaml.Unmarshal(text, &again))
	same, err := yaml.Marshal(again)
	require.NoError(t, err)
	require.Equal(t, string(text), string(same))
}
