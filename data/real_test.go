package data_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
)

// Real data sets load without an error in a recipe that fits them.
func TestRealSetsRead(t *testing.T) {
	tok, dir := datatest.LLaMA(t), filepath.Join(datatest.Shared(t), "data/datasets")
	for _, c := range []struct {
		file, recipe string
		rows         int
	}{
		{"alpaca/alpaca_5000.json", "alpaca", 5000},
		{"alpaca/alpaca_data_cleaned_1000.json", "alpaca-lora", 1000},
		{"alpaca/alpaca_en_demo.json", "llama-adapter", 999},
		{"alpaca/seed_tasks.jsonl", "alpaca", 175},
		{"chatdoctor/chatdoctor5k.json", "chatdoctor", 5452},
		{"lima/lima.json", "vicuna", 1029},
		{"vicuna/dummy_conversation.json", "vicuna", 500},
		{"oasst/oasst_20230412_fr_1k.jsonl", "vicuna-v1.5", 1183},
		{"hh_rlhf/harmless_base_test.jsonl.gz", "koala", 2312},
		{"llamafactory/dpo_en_demo.json", "vicuna", 300},
		{"llamafactory/glaive_toolcall_en_demo.json", "vicuna", 300},
		{"llamafactory/identity.json", "baize", 91},
		{"llm_adapters/boolq/test.json", "alpaca", 3270},
		{"text/tinystories_1000.json", "alpaca", 1000},
	} {
		t.Run(c.file, func(t *testing.T) {
			r, err := recipe.Find(c.recipe)
			require.NoError(t, err)
			s, err := datatest.Load(tok, r, filepath.Join(dir, c.file), data.Options{})
			require.NoError(t, err)
			require.Equal(t, c.rows, s.Rows)
			require.Zero(t, s.BadRows)
			errs, err := s.Report.Errors([]string{"over-long"})
			require.NoError(t, err)
			require.Empty(t, errs, s.Report.String())
		})
	}
}
