package adapter_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
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
	f.Fuzz(func(t *testing.T, config, weights, record []byte) {
		dir := t.TempDir()
		for name, text := range map[string][]byte{
			adapter.ConfigFile: config, adapter.WeightsFile: weights, adapter.RecordFile: record,
		} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o644))
		}
		s, err := adapter.Load(dir, m)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		want := written(t, s)
		again := t.TempDir()
		require.NoError(t, s.Save(again))
		s, err = adapter.Load(again, m)
		require.NoError(t, err)
		require.Equal(t, want, written(t, s))
	})
}
