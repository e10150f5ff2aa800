package train

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"fettle/train/checkpoint"
)

func TestLogEntriesHaveLevels(t *testing.T) {
	c := config(t.TempDir())
	var log bytes.Buffer
	run := func(patience int) error {
		log.Reset()
		j := job(t, lora, 1)
		j.Log = zerolog.New(&log)
		_, err := Run(&countdown{context.Background(), patience}, c, j)
		return err
	}
	require.ErrorIs(t, run(13), ErrStopped)
	require.Regexp(t, `{"level":"info","step":0,"eval_loss":[0-9.]+,"eval_learned_tokens":15,`+
		`"message":"Held-out loss before the first step: [0-9.]{6} \(15 learned tokens\)."}`, log.String())
	names := checkpoint.List(c.OutputDir)
	newest := names[len(names)-1]
	require.NoError(t, os.Truncate(filepath.Join(c.OutputDir, newest, stateFile), 1))
	require.NoError(t, run(1000))
	require.Contains(t, log.String(), `{"level":"warn","checkpoint":"`+newest+`","error":"state.json is damaged",`+
		`"message":"`+newest+` is passed over"}`)
	require.Contains(t, log.String(), `"message":"The run is continuing from `)
}
