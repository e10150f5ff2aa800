package data_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
)

// texts returns the rows of real sets as testdata/encode_speed.py reads them.
func texts(b *testing.B, name string) (all []string, bytes int64) {
	raw, err := os.ReadFile(filepath.Join(datatest.Shared(b), "data/datasets", name))
	require.NoError(b, err)
	var rows []struct {
		Instruction, Input, Output string
		Conversations              []struct{ Value string }
	}
	require.NoError(b, json.Unmarshal(raw, &rows))
	for _, r := range rows {
		text := r.Instruction + "\n" + r.Input + "\n" + r.Output
		if len(r.Conversations) > 0 {
			text = ""
			for _, turn := range r.Conversations {
				text += turn.Value + "\n"
			}
		}
		all = append(all, text)
		bytes += int64(len(text))
	}
	return all, bytes
}

// cpuSeconds returns the processor time of this process; 0 without /proc. Unlike
// wall time it does not depend on other programs.
func cpuSeconds() float64 {
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	var user, system float64
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	fmt.Sscan(fields[11]+" "+fields[12], &user, &system)
	return (user + system) / 100
}

// BenchmarkEncode encodes plain texts, one after another or on two threads;
// testdata/encode_speed.py does the same with the SentencePiece library.
func BenchmarkEncode(b *testing.B) {
	tok := datatest.LLaMA(b)
	for _, name := range []string{"alpaca/alpaca_5000.json", "lima/lima.json"} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/threads=%d", filepath.Base(name), threads), func(b *testing.B) {
				all, bytes := texts(b, name)
				b.SetBytes(bytes)
				busy := cpuSeconds()
				for b.Loop() {
					var done sync.WaitGroup
					for k := range threads {
						done.Go(func() {
							for i := k; i < len(all); i += threads {
								tok.Encode(all[i])
							}
						})
					}
					done.Wait()
				}
				b.ReportMetric(float64(b.N)*float64(len(all))/b.Elapsed().Seconds(), "rows/s")
				b.ReportMetric(float64(b.N)*float64(bytes)/1e6/max(cpuSeconds()-busy, 0.01), "MB/cpu-s")
			})
		}
	}
}

// BenchmarkLoad reads, lays out, encodes, lints and orders 52,000 rows, real ones
// that differ in a number.
func BenchmarkLoad(b *testing.B) {
	tok := datatest.LLaMA(b)
	r, err := recipe.Find("alpaca")
	require.NoError(b, err)
	raw, err := os.ReadFile(filepath.Join(datatest.Shared(b), "data/datasets/alpaca/alpaca_5000.json"))
	require.NoError(b, err)
	var rows []map[string]string
	require.NoError(b, json.Unmarshal(raw, &rows))
	var text strings.Builder
	out := json.NewEncoder(&text)
	for i := range 52000 {
		row := rows[i%len(rows)]
		require.NoError(b, out.Encode(map[string]string{
			"instruction": fmt.Sprint(i, " ", row["instruction"]), "input": row["input"], "output": row["output"],
		}))
	}
	path := filepath.Join(b.TempDir(), "a.jsonl")
	require.NoError(b, os.WriteFile(path, []byte(text.String()), 0o644))
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		s, err := datatest.Load(tok, r, path, data.Options{})
		require.NoError(b, err)
		require.Len(b, s.Examples, 52000)
		data.Order(len(s.Examples), 1, 0)
	}
	b.ReportMetric(float64(b.N)*52000/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkLongWords encodes 64 Ki spaces, letters and signs in one piece.
func BenchmarkLongWords(b *testing.B) {
	tok := datatest.LLaMA(b)
	for _, unit := range []string{" ", "a", "ab", "é", "中", "\n"} {
		text := strings.Repeat(unit, 1<<16/len(unit))
		b.Run(fmt.Sprintf("%q", unit), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				tok.Encode(text)
			}
		})
	}
}
