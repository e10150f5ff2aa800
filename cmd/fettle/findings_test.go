package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

// longRows writes rows that are longer than 64 tokens, and a short one.
func longRows(t *testing.T) string {
	text := `{"instruction": "q", "output": "a"}` + "\n"
	for i := range 3 {
		text += fmt.Sprintf(`{"instruction": "q%d", "output": %q}`+"\n", i, strings.Repeat("abc ", 60))
	}
	return file(t, "long.jsonl", text)
}

func TestStatedPolicyForLongRowsIsNotRefused(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{MaxPositions: 64}), longRows(t)
	run := []string{"train", "--model_name_or_path", base, "--dataset", set, "--recipe", "alpaca-lora-short",
		"--max_steps", "1", "--output_dir"}
	code, _, stderr := call("", append(run, filepath.Join(t.TempDir(), "run"))...)
	require.Equal(t, exitData, code)
	require.Contains(t, stderr, "over-long: 3 of 4 rows (75 %), the first long.jsonl:2: ")
	require.Contains(t, stderr, "max_seq_length is all that the base has positions for")
	require.NotContains(t, stderr, "raise max_seq_length")
	for _, policy := range []string{"drop", "truncate", "truncate_prompt", "proportional"} {
		code, _, stderr := call("", append(run, filepath.Join(t.TempDir(), "run"), "--over_long", policy)...)
		require.Zero(t, code, stderr)
		require.Contains(t, stderr, "longer than 64 tokens", policy)
	}
}

func TestTrainAndPlanShowTheWarningsOfInspect(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	set := file(t, "pairs.jsonl", `{"prompt": "q", "chosen": "{{name}}", "rejected": "b"}`+"\n"+
		`{"prompt": "r", "chosen": "c", "rejected": "d", "score": "high"}`+"\n")
	for _, command := range []string{"train", "plan"} {
		code, _, stderr := call("", command, "--model_name_or_path", base, "--dataset", set, "--recipe", "alpaca-lora-short",
			"--max_steps", "1", "--output_dir", filepath.Join(t.TempDir(), "run"))
		require.Zero(t, code, stderr)
		for _, want := range []string{"preference-pairs: 2 of 2 rows", "no DPO", "placeholder: 1 row", "is not read"} {
			require.Contains(t, stderr, want, command)
		}
	}
}

func TestSmallSharesAreNotZero(t *testing.T) {
	require.Equal(t, "below 0.1 %", percent(1, 5000))
	require.Equal(t, "0.4 %", percent(20, 5000))
	require.Equal(t, "91 %", percent(4545, 5000))
}
