package data_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
)

// BenchmarkLoad reads, lays out, encodes and packs 5,000 real rows.
func BenchmarkLoad(b *testing.B) {
	tok := llama(b)
	r, err := data.Find("alpaca")
	require.NoError(b, err)
	path := filepath.Join(shared(b), "data/datasets/alpaca/alpaca_5000.json")
	rows := 0
	for b.Loop() {
		s, err := data.Load(tok, r, []string{path}, data.Options{})
		require.NoError(b, err)
		data.Batches(s.Examples, data.Order(len(s.Examples), 1, 0), 4096)
		rows += s.Rows
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}
