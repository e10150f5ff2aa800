package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	ready "fettle/configs"
	"fettle/internal/budget"
	"fettle/train"
)

// FuzzSettings reads any bytes as a settings file: an error of usage, or settings
// that Validate judges.
func FuzzSettings(f *testing.F) {
	for _, name := range ready.Names() {
		text, ok := ready.Find(name)
		require.True(f, ok)
		f.Add(text)
	}
	f.Add([]byte("lora_rank: 1e99\nseed: -1\ndataset: [a, 1, null]\n"))
	f.Add([]byte("a: &x [*x]\n"))
	f.Add([]byte(`{"learning_rate": "1e-4", "lora-r": 2, "shuffle": "perhaps", "columns": {"a": "b"}}`))
	path := filepath.Join(f.TempDir(), "c.yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		defer budget.Of(t, len(text))()
		require.NoError(t, os.WriteFile(path, text, 0o600))
		c, cmd := train.Defaults(), &cobra.Command{}
		s := addSettings(cmd, &c)
		require.NoError(t, cmd.ParseFlags([]string{"--config", path}))
		if err := load(cmd, s); err != nil {
			require.Equal(t, exitUsage, code(err), "%v", err)
			return
		}
		_ = c.Validate()
	})
}
