package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

func TestBenchReportsThroughput(t *testing.T) {
	dir, set := tiny(t, tinymodel.Config{}), rows(t, 14)
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"matmul", "--shape", dir, "--tokens", "8", "--threads", "1", "--quantization", "int8", "--compute",
			"int8"}, []string{"machine", "products"}},
		{[]string{"train", "--shape", dir, "--tokens", "32", "--sequences", "3", "--learned", "0.5"},
			[]string{"machine", "step", "work_per_step", "peak_memory_bytes"}},
		{[]string{"train", "--shape", dir, "--tokens", "32", "--adapter", "llama-adapter", "--recompute", "all"},
			[]string{"step"}},
		{[]string{"train", "--shape", dir + "/config.json", "--tokens", "16", "--dtype", "f16", "--lora_target_modules",
			"all-linear"}, []string{"step"}},
		{[]string{"train", "--shape", dir, "--dataset", set, "--tokenizer_name", dir, "--sequences", "3"},
			[]string{"batches", "rows", "share_prefix"}},
		{[]string{"generate", "--shape", dir + "/config.json", "--tokens", "32", "--dtype", "f32", "--compute", "f32",
			"--quantization", "nf4"}, []string{"prompt", "decode"}},
	} {
		t.Run(c.args[0], func(t *testing.T) {
			said := must(t, append(append([]string{"bench"}, c.args...), "--steps", "1", "--json")...)
			var got map[string]any
			require.NoError(t, json.Unmarshal([]byte(said), &got), said)
			for _, key := range c.want {
				require.Contains(t, got, key)
			}
		})
	}
}

// benchStep is a step in the report of bench train.
type benchStep struct {
	Lengths   []int   `json:"tokens"`
	Learned   []int   `json:"learned"`
	Rows      int     `json:"rows"`
	Seconds   float64 `json:"seconds"`
	Processor float64 `json:"cpu_seconds"`
}

func (s benchStep) tokens() (sum int) {
	for _, n := range s.Lengths {
		sum += n
	}
	return sum
}

// With and without sharing the steps are the same sequences; fewer rows are computed.
func TestBenchSharesPrefixes(t *testing.T) {
	dir, set := tiny(t, tinymodel.Config{}), rows(t, 14)
	steps := map[string][]benchStep{}
	for _, share := range []string{"false", "true"} {
		said := must(t, "bench", "train", "--shape", dir, "--dataset", set, "--tokenizer_name", dir, "--sequences", "4",
			"--steps", "2", "--share_prefix", share, "--json")
		var got struct{ Batches []benchStep }
		require.NoError(t, json.Unmarshal([]byte(said), &got), said)
		require.Len(t, got.Batches, 2)
		steps[share] = got.Batches
	}
	for i, alone := range steps["false"] {
		shared := steps["true"][i]
		require.Equal(t, [][]int{alone.Lengths, alone.Learned}, [][]int{shared.Lengths, shared.Learned})
		require.Equal(t, alone.tokens(), alone.Rows)
		require.Less(t, shared.Rows, alone.Rows)
		require.Positive(t, min(shared.Seconds, shared.Processor))
	}
}

func TestBenchPrintsAReport(t *testing.T) {
	dir := tiny(t, tinymodel.Config{})
	for _, kind := range []string{"matmul", "train", "generate"} {
		said := must(t, "bench", kind, "--shape", dir, "--tokens", "16", "--steps", "1")
		require.Contains(t, said, "machine  ")
		require.Contains(t, said, "limits   of a core, measured now: f32 ")
	}
}

func TestBenchRefusesInvalidSettings(t *testing.T) {
	dir, set := tiny(t, tinymodel.Config{}), rows(t, 14)
	for _, args := range [][]string{
		{"matmul", "--shape", "8b"}, {"matmul", "--dtype", "q4"},
		{"matmul", "--shape", "tiny", "--tokens", "1", "--quantization", "int5"}, {"matmul", "--tokens", "0"},
		{"train", "--sequences", "600"},
		{"train", "--shape", "tiny", "--tokens", "5000"}, {"train", "--learned", "2"}, {"train", "--recompute", "some"},
		{"generate", "--shape", "tiny", "--tokens", "5000"},
		{"train", "--dataset", "a.json"}, {"train", "--tokenizer_name", "d"}, {"train", "--share_prefix", "yes"},
		{"train", "--shape", dir, "--dataset", set, "--tokenizer_name", dir, "--sequences", "4", "--steps", "3"},
	} {
		code, _, stderr := call("", append([]string{"bench"}, args...)...)
		require.Equal(t, exitUsage, code, "%v: %s", args, stderr)
	}
}
