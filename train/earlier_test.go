package train

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
)

// Settings whose meaning has changed do not change a run that began before.
func TestEarlierRunsContinueAsTheyBeganOrNotAtAll(t *testing.T) {
	for _, c := range []struct {
		reason   string
		old, now func(*Config)
		examples int
		want     string
	}{
		{"no setting that has changed", func(*Config) {}, func(*Config) {}, 12, ""},
		{"constant had a warm-up", func(c *Config) { c.Schedule, c.WarmupRatio = "constant", 0.03 }, func(*Config) {}, 12,
			"lr_scheduler_type constant had a warm-up when the run began"},
		{"and goes on with one", func(c *Config) { c.Schedule, c.WarmupSteps = "constant", 2 },
			func(c *Config) { c.Schedule = "constant_with_warmup" }, 12, ""},
		{"constant without one is the same", func(c *Config) { c.Schedule, c.WarmupRatio = "constant", 0 },
			func(*Config) {}, 12, ""},
		{"steps were dropped whole", func(c *Config) { c.DropLast, c.BatchSize, c.Accumulation = true, 2, 4 },
			func(*Config) {}, 12, "dropped the incomplete step of an epoch when the run began, 4 of 12 examples"},
		{"the same of single micro-batches", func(c *Config) { c.DropLast, c.BatchSize, c.Accumulation = true, 5, 1 },
			func(*Config) {}, 12, ""},
		{"and where steps come out even", func(c *Config) { c.DropLast, c.BatchSize, c.Accumulation = true, 2, 3 },
			func(*Config) {}, 13, ""},
		{"norms decayed", func(c *Config) { c.Type, c.WeightDecay = adapter.TypeFull, 0.1 }, func(*Config) {}, 12,
			"weight_decay 0.1 was that of norms and biases too"},
		{"an adapter has none", func(c *Config) { c.WeightDecay = 0.1 }, func(*Config) {}, 12, ""},
	} {
		old := Defaults()
		c.old(&old)
		now := old
		c.now(&now)
		for name, text := range map[string]string{"old": `{"step": 1}`, "new": `{"step": 1, "definitions": 1}`} {
			var s state
			require.NoError(t, json.Unmarshal([]byte(text), &s))
			s.Config = old
			err := s.update(t.TempDir(), now, c.examples)
			if c.want == "" || name == "new" {
				require.NoError(t, err, c.reason)
				require.Equal(t, definitions, s.Definitions)
				if name == "old" {
					require.NoError(t, s.continues(now, &Inputs{}), c.reason)
				}
				continue
			}
			require.ErrorIs(t, err, ErrRefused)
			require.ErrorContains(t, err, c.want, c.reason)
		}
	}
}

// The version stands in the file, and a run whose file has none is refused where it matters.
func TestStateHoldsTheDefinitionsOfItsSettings(t *testing.T) {
	c := config(t.TempDir())
	c.Schedule, c.WarmupSteps, c.WarmupRatio = "constant", 2, 0
	finish(t, c, job(t, lora, 1))
	states, err := filepath.Glob(filepath.Join(c.OutputDir, "checkpoint-*", stateFile))
	require.NoError(t, err)
	require.NotEmpty(t, states)
	text, err := os.ReadFile(states[0])
	require.NoError(t, err)
	require.Contains(t, string(text), `"definitions": 1`)
	earlier := filepath.Join(t.TempDir(), stateFile)
	text = []byte(strings.Replace(string(text), `"definitions": 1`, `"definitions": 0`, 1))
	require.NoError(t, os.WriteFile(earlier, text, 0o600))
	j := job(t, lora, 1)
	_, err = readState(filepath.Dir(earlier), c, j.Inputs, newSteps(c, len(j.Training)))
	require.ErrorContains(t, err, "constant_with_warmup the run continues as it began")
	c.Schedule = "constant_with_warmup"
	s, err := readState(filepath.Dir(earlier), c, j.Inputs, newSteps(c, len(j.Training)))
	require.NoError(t, err)
	require.Positive(t, s.Step)
	_, err = Run(context.Background(), c, j)
	require.ErrorContains(t, err, "lr_scheduler_type was constant, is constant_with_warmup")
}

// Earlier runs that continued an adapter stated this program's defaults; their checkpoints tell what ran.
func TestAnEarlierRunOfAnAdapterHasTheAdaptersSettings(t *testing.T) {
	dir := t.TempDir()
	const config = `{"peft_type": "LORA", "r": 3, "lora_alpha": 5, "target_modules": ["o_proj"]}`
	require.NoError(t, os.WriteFile(filepath.Join(dir, adapter.ConfigFile), []byte(config), 0o600))
	now := Defaults()
	now.Adapter = dir
	m, err := adapter.Continued(dir, nil)
	require.NoError(t, err)
	now.Methods.Set(m)
	s := state{Config: Defaults()}
	s.Config.Adapter = dir
	require.ErrorContains(t, s.continues(now, &Inputs{}), "lora_rank was 8, is 3")
	require.NoError(t, s.update(dir, now, 12))
	require.NoError(t, s.continues(now, &Inputs{}))
}

// With dataloader_drop_last the micro-batch decides which examples an epoch has.
func TestDropLastTiesARunToItsMicroBatches(t *testing.T) {
	old := Defaults()
	old.BatchSize, old.Accumulation = 2, 4
	now := old
	now.BatchSize, now.Accumulation = 4, 2
	require.NoError(t, state{Config: old}.continues(now, &Inputs{}))
	old.DropLast, now.DropLast = true, true
	require.ErrorContains(t, state{Config: old}.continues(now, &Inputs{}), "per_device_train_batch_size was 2, is 4")
}
