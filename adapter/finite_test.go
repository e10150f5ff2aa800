package adapter_test

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/compute/ref"
)

func TestAdaptersWithNumbersThatAreNotFiniteAreRefused(t *testing.T) {
	for name, v := range map[string]float64{"NaN": math.NaN(), "+Inf": math.Inf(1), "-Inf": math.Inf(-1)} {
		t.Run(name, func(t *testing.T) {
			m := load(t, ref.New())
			s, err := adapter.New(adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"q_proj"}}, m, 1)
			require.NoError(t, err)
			dir := t.TempDir()
			require.NoError(t, s.Save(dir))
			_, err = adapter.Load(dir, m)
			require.NoError(t, err)
			path := filepath.Join(dir, adapter.WeightsFile)
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			binary.LittleEndian.PutUint32(text[len(text)-4:], math.Float32bits(float32(v)))
			require.NoError(t, os.WriteFile(path, text, 0o644))
			_, err = adapter.Load(dir, m)
			require.ErrorContains(t, err, "lora_B.weight: element ")
			require.ErrorContains(t, err, " is "+name)
			require.Error(t, s.Restore(dir))
		})
	}
}
