package train

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/data"
	"fettle/internal/compute/cpu"
	"fettle/internal/tinymodel"
	"fettle/model"
)

// trunked is job with examples that begin with twelve tokens in common, of which
// some are learned, on a device of its own and without dropout.
func trunked(t *testing.T, c adapter.Config, compute string) Job {
	c.Dropout = 0
	j := job(t, c, 2)
	trunk := []int32{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8}
	for i := range j.Training {
		labels := slices.Clone(trunk)
		for k := range labels {
			if k%(2+i%3) > 0 {
				labels[k] = data.Ignore
			}
		}
		e := &j.Training[i]
		e.Tokens, e.Labels = slices.Concat(trunk, e.Tokens), slices.Concat(labels, e.Labels)
	}
	dir := t.TempDir()
	require.NoError(t, tinymodel.Write(dir, tinymodel.Config{}, 7))
	dev, err := cpu.New(cpu.Options{Threads: 2, Compute: compute})
	require.NoError(t, err)
	m, err := model.Load(dir, dev)
	require.NoError(t, err)
	if c.Type == adapter.FullWeights {
		j.Adapter, err = adapter.Full(m)
	} else {
		j.Adapter, err = adapter.New(c, m, 1)
	}
	require.NoError(t, err)
	j.Model = m.With(j.Adapter.Delta)
	return j
}

func TestSharingLearnsTheSame(t *testing.T) {
	for name, method := range methods {
		t.Run(name, func(t *testing.T) {
			var gradients [2][]float32
			var steps [2]StepRow
			for i, share := range []string{"false", "true"} {
				c := config(t.TempDir())
				c.LoRADropout, c.SharePrefix = 0, share
				r := beginning(c, trunked(t, method, "f32"))
				gradients[i], steps[i] = gradientOf(t, r, []int{0, 1, 2, 3})
				require.Len(t, r.pack([]int{0, 1}).Segments, 2+i, "with sharing a beginning and two rests")
			}
			require.InEpsilon(t, steps[0].Loss, steps[1].Loss, 1e-6)
			require.InEpsilon(t, steps[0].GradNorm, steps[1].GradNorm, 1e-5)
			steps[1].Loss, steps[1].GradNorm = steps[0].Loss, steps[0].GradNorm
			require.Equal(t, steps[0], steps[1], "tokens are those of the data")
			require.Less(t, distance(gradients[1], gradients[0]), 1e-5)
		})
	}
}

func TestSharingIsDecided(t *testing.T) {
	c := Defaults()
	c.LoRADropout = 0
	for _, d := range []struct {
		device, want string
	}{{"cpu f32 avx512bf16", "false"}, {"cpu bf16 avx2", "true"}, {"cpu int8 neon", "true"}, {"cpu bf16 avx512bf16", "true"}, {"ref", "false"}} {
		require.Equal(t, d.want, c.Sharing(d.device).SharePrefix, d.device)
		for _, set := range []string{"true", "false"} {
			c.SharePrefix = set
			require.Equal(t, set, c.Sharing(d.device).SharePrefix)
		}
		c.SharePrefix = "auto"
	}
	c.LoRADropout = 0.05
	require.Equal(t, "false", c.Sharing("cpu bf16 avx2").SharePrefix)
	c.Type = adapter.LLaMAAdapter
	require.Equal(t, "true", c.Sharing("cpu bf16 avx2").SharePrefix, "it has no dropout")
}

func TestSharingWithDropoutIsRefused(t *testing.T) {
	c := config(t.TempDir())
	c.ModelName, c.Dataset = "m", []string{"d"}
	c.SharePrefix, c.LoRADropout = "true", 0.05
	require.ErrorContains(t, c.Validate(), "share_prefix is true with lora_dropout 0.05")
	c.LoRADropout = 0
	require.NoError(t, c.Validate())
	c.SharePrefix = "yes"
	require.ErrorContains(t, c.Validate(), `share_prefix is "yes", want auto, true, false`)
}

// A shared run goes on to the same bits, but not in other micro-batches.
func TestSharedRunGoesOn(t *testing.T) {
	c := config(t.TempDir())
	c.LoRADropout, c.Compute = 0, "bf16"
	want := finish(t, c, trunked(t, lora, "bf16"))
	d := config(t.TempDir())
	d.LoRADropout, d.Compute = 0, "bf16"
	_, err := Run(&countdown{context.Background(), 9}, d, trunked(t, lora, "bf16"))
	require.ErrorIs(t, err, ErrStopped)
	other := d
	other.BatchSize, other.Accumulation = 4, 1
	_, err = Run(context.Background(), other, trunked(t, lora, "bf16"))
	require.ErrorContains(t, err, "per_device_train_batch_size was 2, is 4, and with share_prefix the numbers depend on it")
	require.Equal(t, want, finish(t, d, trunked(t, lora, "bf16")))
	require.Less(t, Weigh(d.Sharing("cpu bf16 avx2"), trunked(t, lora, "bf16").Training, nil).Tokens, Weigh(d, trunked(t, lora, "bf16").Training, nil).Tokens)
}
