package model_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/tinymodel"
	"fettle/model"
)

func TestQuantizedIsNearTheOriginal(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	dir := t.TempDir()
	require.NoError(t, tinymodel.Write(dir, tinymodel.Config{Hidden: 64, Intermediate: 96, Heads: 4}, 5))
	tokens, labels := sequences(40, 23, 9)
	batch := model.Pack(tokens, labels)
	for _, kind := range []string{"int8", "nf4"} {
		var first float64
		for name, dev := range devices(t) {
			exact, err := model.Load(dir, dev)
			require.NoError(t, err)
			m, err := model.LoadAs(dir, dev, kind)
			require.NoError(t, err)
			require.Equal(t, exact.Fingerprint(), m.Fingerprint(), "adapters fit both")
			require.Equal(t, exact.Content(), m.Content(), "adapters fit both")
			require.Equal(t, kind == "int8", m.Weight(model.Site{At: model.UpProj}).Type == compute.Int8)
			want, err := exact.Loss(batch)
			require.NoError(t, err)
			got, err := m.Loss(batch)
			require.NoError(t, err)
			require.InEpsilon(t, want[0], got[0], map[string]float64{"int8": 0.02, "nf4": 0.3}[kind], "%s on %s",
				kind, name)
			require.NotEqual(t, want[0], got[0])
			if first == 0 {
				first = got[0]
			}
			require.InEpsilon(t, first, got[0], 1e-5, "devices agree on %s", kind)

			adapted, deltas := attach(m, 0, model.QProj, model.DownProj)
			_, err = adapted.Gradients(batch, model.Uniform(1))
			require.NoError(t, err)
			require.NotEmpty(t, deltas)
		}
	}
	_, err := model.LoadAs(dir, devices(t)["ref"], "int5")
	require.ErrorContains(t, err, `unknown kind "int5"`)
}
