package adapter_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/budget"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
)

// FuzzFiles loads an adapter whose two files, and the record beside them, may be
// anything: an error, or a set that is written and read again as itself.
func FuzzFiles(f *testing.F) {
	base := f.TempDir()
	require.NoError(f, tinymodel.Write(base, tinymodel.Config{}, 7))
	m, err := model.Load(base, ref.New())
	require.NoError(f, err)
	for _, c := range methods {
		s, err := adapter.New(c, m, 1)
		require.NoError(f, err)
		files := written(f, s)
		record := `{"base": "x", "base_fingerprint": ""}`
		f.Add([]byte(files[adapter.ConfigFile]), []byte(files[adapter.WeightsFile]), []byte(record))
	}
	f.Add([]byte(`{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ".*q_proj", "layers_to_transform": [0],
		"rank_pattern": {"q_proj": 3}}`), []byte{}, []byte{})
	f.Add([]byte(`{"peft_type": "ADAPTION_PROMPT", "adapter_len": -1, "adapter_layers": 99}`),
		[]byte("\x08\x00\x00\x00\x00\x00\x00\x00{}      "), []byte("{"))
	dir, again := f.TempDir(), f.TempDir()
	f.Fuzz(func(t *testing.T, config, weights, record []byte) {
		defer budget.Of(t, len(config)+len(weights)+len(record))()
		place(t, dir, map[string]string{
			adapter.ConfigFile: string(config), adapter.WeightsFile: string(weights), adapter.RecordFile: string(record),
		})
		s, err := adapter.Load(dir, m)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		want := written(t, s)
		place(t, again, want)
		s, err = adapter.Load(again, m)
		require.NoError(t, err)
		require.Equal(t, want, written(t, s))
	})
}

// place writes files into a directory, without waiting for the disk as Save does.
func place(t testing.TB, dir string, files map[string]string) {
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
}
