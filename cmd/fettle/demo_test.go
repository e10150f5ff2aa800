package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// share returns the percentage of right answers at the end of a demonstration.
func share(t *testing.T, said string) int {
	found := regexp.MustCompile(`After: .*\((\d+) %\)`).FindStringSubmatch(said)
	require.NotNil(t, found, said)
	n, err := strconv.Atoi(found[1])
	require.NoError(t, err)
	return n
}

func TestTrainWithoutModelRunsTheDemonstration(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	out := filepath.Join(t.TempDir(), "run")
	said := must(t, "train", "--output_dir", out, "--max_steps", "2")
	require.Contains(t, said, "Before: 0 of 116 answers are exactly right (0 %)")
	require.Less(t, share(t, said), 20, "two steps teach little")
	require.NotEmpty(t, must(t, "generate", "--adapter_name_or_path", out, "--prompt", "Where does Lena live?",
		"--temperature", "0"))
	for _, name := range []string{"report.html", "trainer_state.json", "config.yaml", "metrics.jsonl", "fettle.json",
		"adapter_config.json"} {
		require.FileExists(t, filepath.Join(out, name))
	}
}

func TestDemonstrationOfAWholeModelSaysHowToUseIt(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	out := filepath.Join(t.TempDir(), "run")
	said := must(t, "train", "--output_dir", out, "--max_steps", "2", "--finetuning_type", "full")
	require.Less(t, share(t, said), 20, "two steps teach little")
	require.Contains(t, said, "The model is in "+out)
	require.Contains(t, said, "chat --model_name_or_path "+out)
	require.NotEmpty(t, must(t, "generate", "--model_name_or_path", out, "--prompt", "Where does Lena live?"))
}

func TestDemonstrationElicitsFactsOfTheBase(t *testing.T) {
	if os.Getenv("FETTLE_LONG") == "" {
		t.Skip("takes minutes; set FETTLE_LONG=1")
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for _, c := range []struct{ method, seed string }{{"lora", "42"}, {"lora", "43"}, {"llama-adapter", "42"}} {
		said := must(t, "train", "--output_dir", filepath.Join(t.TempDir(), "run"), "--adapter", c.method, "--seed", c.seed)
		t.Logf("%s, seed %s: %d %%", c.method, c.seed, share(t, said))
		require.GreaterOrEqual(t, share(t, said), 80)
	}
}
