package train

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/budget"
)

// FuzzState reads any bytes as the state of a checkpoint: only one of this run, within its steps, is taken.
func FuzzState(f *testing.F) {
	c, in := config("runs/x"), Inputs{Base: "b", Training: "t"}
	text, err := json.Marshal(state{Step: 3, Evaluated: -1, Config: c, Inputs: in})
	require.NoError(f, err)
	late, err := json.Marshal(state{Step: 3, Watch: watch{BestStep: 4}, Config: c, Inputs: in})
	require.NoError(f, err)
	over, err := json.Marshal(state{Step: 7, Config: c, Inputs: in})
	require.NoError(f, err)
	for _, s := range []string{
		string(text), string(late), string(over), `{"step": -1, "config": null}`, `{"step": 1000000000000}`,
		`{"config": {"Seed": -1}}`, "", "null",
	} {
		f.Add([]byte(s))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		defer budget.Of(t, len(text))()
		s, err := parseState(text)
		if err == nil {
			err = s.allow(dir, c, &in, &steps{n: 12, total: 6})
		}
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		require.True(t, s.Step >= 1 && s.Step <= 6, s.Step)
		require.True(t, s.Watch.BestStep >= 0 && s.Watch.BestStep <= s.Step, s.Watch.BestStep)
		require.Equal(t, in, s.Inputs)
	})
}
