package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
	"fettle/internal/tinymodel"
)

func TestFullTuningKeepsTheTypeAndTheConfigOfTheBase(t *testing.T) {
	base := tiny(t, tinymodel.Config{DType: checkpoint.BF16, Extra: map[string]any{"mine": "kept", "pad_token_id": 0}})
	require.NoError(t, os.WriteFile(filepath.Join(base, "generation_config.json"), []byte(`{"top_k": 7}`), 0o644))
	want, err := os.ReadFile(filepath.Join(base, "config.json"))
	require.NoError(t, err)
	for dtype, size := range map[string]int64{"base": 2, "float16": 2, "float32": 4} {
		out := filepath.Join(t.TempDir(), "run")
		must(t, training(base, rows(t, 8), out, "--finetuning_type", "full", "--save_dtype", dtype, "--save_steps", "2")...)
		require.Equal(t, size, bytesAt(filepath.Join(out, "model.safetensors"))/int64(parameters(t, out)), dtype)
		var config map[string]any
		readJSON(t, filepath.Join(out, "config.json"), &config)
		require.Equal(t, "kept", config["mine"])
		require.FileExists(t, filepath.Join(out, "generation_config.json"))
		if dtype == "base" {
			got, err := os.ReadFile(filepath.Join(out, "config.json"))
			require.NoError(t, err)
			require.Equal(t, string(want), string(got))
		}
		last, err := filepath.Glob(filepath.Join(out, "checkpoint-*"))
		require.NoError(t, err)
		require.Equal(t, int64(4), bytesAt(filepath.Join(last[0], "model.safetensors"))/int64(parameters(t, out)))
		readJSON(t, filepath.Join(last[0], "config.json"), &config)
		require.Equal(t, "float32", config["torch_dtype"], "a checkpoint continues to the same bits")
		answerOf(t, "--model_name_or_path", out)
	}
	code, _, stderr := call("", training(base, rows(t, 8), filepath.Join(t.TempDir(), "x"), "--save_dtype", "base")...)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "adapters are saved as they are trained")
}
