package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Training in coarser products, or over a coarser base, learns what float32
// does: 200 steps on real instructions in the same order, step by step. The
// noise is the effect of other initial values of the adapter on float32's losses.
func TestCoarserProductsLearnAlike(t *testing.T) {
	if os.Getenv("FETTLE_LONG") == "" {
		t.Skip("takes minutes; set FETTLE_LONG=1")
	}
	root := filepath.Join(sharedData(t), "data")
	losses := func(seed int, flags ...string) []float64 {
		out := filepath.Join(t.TempDir(), "run")
		must(t, append([]string{
			"train", "--model_name_or_path", filepath.Join(root, "weights", "stories260K", "hf"), "--output_dir", out,
			"--dataset", filepath.Join(root, "datasets", "alpaca", "alpaca_5000.json"), "--recipe", "alpaca",
			"--over_long", "drop", "--shuffle=false", "--val_size", "0", "--max_steps", "200",
			"--per_device_train_batch_size", "4",
			"--learning_rate", "3e-3", "--lora_dropout", "0", "--seed", fmt.Sprint(seed),
		}, flags...)...)
		var all []float64
		for _, r := range trainRows(t, filepath.Join(out, "metrics.jsonl")) {
			all = append(all, r.Loss)
		}
		require.Len(t, all, 200)
		return all
	}
	exact := losses(1, "--compute", "f32")
	noise := apart(exact, losses(2, "--compute", "f32"))
	t.Logf("| f32, other first values | %s |", noise)
	for _, c := range []struct {
		name  string
		flags []string
		base  bool // the base itself predicts worse: training must not widen the gap
	}{
		{"bf16", []string{"--compute", "bf16"}, false},
		{"int8 base", []string{"--compute", "f32", "--quantization", "int8"}, false},
		{"int8 base and products", []string{"--compute", "int8", "--quantization", "int8"}, false},
		{"nf4 base", []string{"--compute", "f32", "--quantization", "nf4"}, true},
	} {
		got := apart(exact, losses(1, c.flags...))
		t.Logf("| %s | %s |", c.name, got)
		if c.base {
			require.Less(t, got.end, got.start+noise.size, c.name)
			continue
		}
		require.Less(t, math.Abs(got.mean), noise.size, c.name)
		require.Less(t, math.Abs(got.end), noise.size, c.name)
	}
}

// spread compares two curves of losses: the mean difference of the first ten steps, of all and of the last fifty, and
// the mean magnitude of all.
type spread struct{ start, mean, end, size float64 }

func apart(a, b []float64) spread {
	d := make([]float64, len(a))
	var size float64
	for i := range a {
		d[i] = b[i] - a[i]
		size += math.Abs(d[i]) / float64(len(a))
	}
	return spread{average(d[:10]), average(d), average(d[len(d)-50:]), size}
}

func average(x []float64) (mean float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	return mean
}

func (d spread) String() string {
	return fmt.Sprintf("%+.4f | %+.4f | %+.4f | %.4f", d.start, d.mean, d.end, d.size)
}
