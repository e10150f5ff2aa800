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
	require.Contains(t, log.String(), `{"level":"info","message":"evaluation at step 0: loss `)
	names := checkpoint.List(c.OutputDir)
	newest := names[len(names)-1]
	require.NoError(t, os.Truncate(filepath.Join(c.OutputDir, newest, stateFile), 1))
	require.NoError(t, run(1000))
	require.Contains(t, log.String(), `{"level":"warn","message":"passing over `+newest+`: state.json is damaged"}`)
	require.Contains(t, log.String(), `{"level":"info","message":"continuing from `)
}
