package model_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
)

func TestMissingWeightsAreExplainedByWhatIsThere(t *testing.T) {
	for _, c := range []struct {
		reason string
		files  map[string]string // from what is there
		want   string
	}{
		{"nothing", nil, "model.safetensors is not there: the directory has no weights"},
		{"a part", map[string]string{"model-00002-of-00003.safetensors": ""},
			"of its 3 parts these are missing: model-00001-of-00003.safetensors, model-00003-of-00003.safetensors: download"},
		{"many parts", map[string]string{"model-00005-of-00009.safetensors": ""}, "model-00003-of-00009.safetensors, …: "},
		{"no index", map[string]string{"model-00001-of-00002.safetensors": "", "model-00002-of-00002.safetensors": ""},
			"all 2 parts are, but not the index that lists them (model.safetensors.index.json"},
		{"a part of the index", map[string]string{
			"model.safetensors.index.json": `{"weight_map": {"a": "m-00001-of-00002.safetensors"}}`,
			"m-00002-of-00002.safetensors": "",
		}, "m-00001-of-00002.safetensors is not there: of its 2 parts these are missing: m-00001"},
		{"a browser's download", map[string]string{"model.safetensors.crdownload": ""},
			"model.safetensors.crdownload is a download that has not ended: continue it"},
		{"a download of hf", map[string]string{".cache/huggingface/download/ab.incomplete": ""},
			".cache/huggingface/download/ab.incomplete is a download that has not ended"},
		{"another name", map[string]string{"adapter.safetensors": ""}, "other safetensors files, such as adapter"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, tinymodel.Write(dir, tinymodel.Config{}, 7))
			require.NoError(t, os.Remove(filepath.Join(dir, "model.safetensors")))
			for name, text := range c.files {
				require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
			}
			_, err := model.Load(dir, ref.New())
			require.ErrorIs(t, err, os.ErrNotExist)
			require.ErrorContains(t, err, c.want)
		})
	}
}
