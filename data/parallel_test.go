package data

import (
	"bytes"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/data/source"
)

// Many large records in a row would take as much memory as the file, and their JSON many times that.
func TestLargeRecordsAreReadOneByOne(t *testing.T) {
	const n = 4
	record := append(append([]byte(`{"text": "`), bytes.Repeat([]byte("a"), 2*batchBytes+1)...), "\"}\n"...)
	path := filepath.Join(t.TempDir(), "x.jsonl")
	require.NoError(t, os.WriteFile(path, bytes.Repeat(record, n), 0o600))
	r, err := source.Open(source.File{Path: path}, nil)
	require.NoError(t, err)
	var read, done, most, rows atomic.Int64
	ahead := make(chan struct{}, n)
	records := func(yield func(source.Record, error) bool) {
		for record, err := range r.Records() {
			waiting := read.Add(1) - done.Load()
			most.Store(max(most.Load(), waiting))
			if waiting > 1 {
				ahead <- struct{}{}
			}
			if !yield(record, err) {
				return
			}
		}
	}
	work := func(source.Record) outcome {
		select { // whoever reads on meanwhile has the time to
		case <-ahead:
		case <-time.After(300 * time.Millisecond):
		}
		done.Add(1)
		return outcome{}
	}
	for _, err := range parallel(records, work) {
		require.NoError(t, err)
		rows.Add(1)
	}
	require.EqualValues(t, n, rows.Load())
	require.LessOrEqual(t, most.Load(), int64(1), "records that are read and wait")
}
