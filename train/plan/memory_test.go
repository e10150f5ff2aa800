package plan

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/internal/compute"
	"fettle/internal/compute/ref"
	"fettle/model"
	"fettle/train"
)

// of7b describes the smallest LLaMA, stored in two bytes a weight, on the plain device.
func of7b() Base {
	return Base{
		Config: &model.Config{
			Hidden: 4096, Intermediate: 11008, Layers: 32, Heads: 32, KVHeads: 32, HeadDim: 128, Vocab: 32000,
			MaxPositions: 2048,
		},
		Stored: compute.BF16, Device: ref.New(),
	}
}

// alike returns n examples of the same length, half of it learned.
func alike(n, length int) []data.Example {
	all := make([]data.Example, n)
	for i := range all {
		all[i] = data.Example{Tokens: make([]int32, length), Labels: make([]int32, length)}
		for t := range length / 2 {
			all[i].Labels[t] = data.Ignore
		}
	}
	return all
}

func TestEstimateCountsEveryArray(t *testing.T) {
	c, b := train.Defaults(), of7b()
	c.Recompute, c.BatchSize = "all", 1
	l := train.NewWorkload(c, alike(12, 512), nil)
	require.Equal(t, []int{512, 256, 512}, []int{l.Tokens, l.Learned, l.Longest})
	n := Estimate(c, b, l, 12*512)
	require.EqualValues(t, 2*b.Config.Parameters(), n.Weights+2*int64(65*4096),
		"two bytes for every weight; norms are not counted")
	require.EqualValues(t, 16*Trainables(c, b.Config), n.Trainable)
	require.Equal(t, 2*32*8*(4096+4096), Trainables(c, b.Config), "Hu et al. 2021: 4.2 million for r = 8 on q and v")
	require.EqualValues(t, 4*512*((5+2+2)*4096+3*11008+34*4096+4096+3*11008+4*4096), n.Activations)
	require.EqualValues(t, 4*4*256*4096+8*32000, n.Loss,
		"rows with a target, and one row of logits of the plain device in float64")

	more := func(set func(*train.Config)) Memory {
		c := c
		set(&c)
		return Estimate(c, b, train.NewWorkload(c, alike(12, 512), nil), 12*512)
	}
	none := more(func(c *train.Config) { c.Recompute = "none" })
	require.EqualValues(t, 31*4*512*(9*4096+3*11008), none.Activations-n.Activations, "a state for each block")
	auto := more(func(c *train.Config) { c.Recompute, c.ActivationM = "auto", 512 })
	require.LessOrEqual(t, auto.Activations-n.Activations, int64(512<<20))
	require.Greater(t, auto.Activations-n.Activations, int64(300<<20))
	require.Less(t, more(func(c *train.Config) { c.Quantized = "nf4" }).Weights, n.Weights/3)
	full := more(func(c *train.Config) { c.Type = "full" })
	require.EqualValues(t, 20*b.Config.Parameters(), full.Weights+full.Trainable+4*65*4096+4*32000*4096,
		"packed, values, gradients, two moments; the embedding is not packed")
}

func TestTheTotalHasEveryPart(t *testing.T) {
	var m Memory
	parts := reflect.ValueOf(&m).Elem()
	for i := range parts.NumField() {
		parts.Field(i).SetInt(1 << i)
	}
	require.EqualValues(t, 1<<parts.NumField()-1, m.Total())
}

func TestFitChangesResultsLast(t *testing.T) {
	c, b := train.Defaults(), of7b()
	c.Recompute, c.BatchSize, c.Accumulation, c.Cutoff = "none", 8, 2, 1024
	set := alike(40, 1024)
	fit := func(limit int64) (lines []string, need int64) {
		changes, need := Fit(c, b, set, nil, 0, 1, limit)
		for _, c := range changes {
			lines = append(lines, c.Key+": "+c.Value)
		}
		return lines, need
	}
	need := Estimate(c, b, train.NewWorkload(c, set, nil), 0).Total()
	for _, x := range []struct {
		limit int64
		want  []string
	}{
		{need, nil},
		{need - 1, []string{"recompute: all"}},
		{16 << 30, []string{"recompute: all", "per_device_train_batch_size: 2", "gradient_accumulation_steps: 8"}},
		{9 << 30, []string{
			"recompute: all", "per_device_train_batch_size: 1", "gradient_accumulation_steps: 16", "quantization: int8"}},
		{6 << 30, []string{
			"recompute: all", "per_device_train_batch_size: 1", "gradient_accumulation_steps: 16", "quantization: nf4"}},
	} {
		lines, got := fit(x.limit)
		require.Equal(t, x.want, lines, "%d GiB", x.limit>>30)
		require.LessOrEqual(t, got, x.limit)
	}
	lines, got := fit(1 << 30)
	require.Greater(t, got, int64(1<<30), "not even so")
	require.Contains(t, lines, "max_seq_length: 64")
}

func TestStorageCountsKeptCheckpoints(t *testing.T) {
	c, m := train.Defaults(), of7b().Config
	one := int64(12 * Trainables(c, m))
	c.SaveSteps = 100
	for _, x := range []struct {
		limit, steps int
		kept         int64
	}{{0, 1000, 10}, {3, 1000, 3}, {3, 150, 2}, {1, 1000, 2}} {
		c.SaveLimit = x.limit
		require.InEpsilon(t, (x.kept+1)*one+one/3, Storage(c, m, x.steps), 0.05)
	}
}

func TestEstimateCountsTheTypeOfEachMatrix(t *testing.T) {
	b := of7b()
	b.Stored, b.Types = compute.Q4_K, map[string]compute.DType{}
	n := func() int64 {
		return Estimate(train.Defaults(), b, train.NewWorkload(train.Defaults(), alike(12, 512), nil), 12*512).Weights
	}
	pure := n()
	require.Equal(t, compute.Q4_K.Bytes(b.Config.Parameters()/256, 256), pure+compute.Q4_K.Bytes(65, 4096),
		"norms are not counted")
	b.Types["model.layers.3.mlp.down_proj.weight"] = compute.Q6_K
	b.Types["lm_head.weight"] = compute.Q8_0
	require.Equal(t, pure+compute.Q6_K.Bytes(4096, 11008)-compute.Q4_K.Bytes(4096, 11008)+
		compute.Q8_0.Bytes(32000, 4096)-compute.Q4_K.Bytes(32000, 4096), n())
}

// Sums of gradients take more memory the more sequences a step has, in powers of two.
func TestPartialSumsAreCounted(t *testing.T) {
	b := of7b()
	modules := func(accumulation int) int64 {
		c := train.Defaults()
		c.BatchSize, c.Accumulation = 1, accumulation
		return Estimate(c, b, train.NewWorkload(c, alike(32, 512), nil), 32*512).Modules
	}
	gradients := 4 * int64(Trainables(train.Defaults(), b.Config))
	for n, sums := range map[int]int64{1: 0, 2: 0, 3: 1, 6: 1, 7: 2, 14: 2, 15: 3, 30: 3, 31: 4} {
		require.Equal(t, sums*gradients, modules(n)-modules(1), "%d sequences", n)
	}
}

func TestRanksOfOneMachineCountTheBaseOnce(t *testing.T) {
	m := Memory{Weights: 1000, Activations: 70, Exchange: 7}
	require.Equal(t, m, m.Together(1))
	require.EqualValues(t, 1000+3*77, m.Together(3).Total())
	require.EqualValues(t, 77, m.Reading().Total())
	one, four := of7b(), alike(4, 256)
	c := train.Defaults()
	n := Estimate(c, one, train.NewWorkload(c, four, nil), 0)
	limit := n.Together(4).Total()
	changes, need := Fit(c, one, four, nil, 0, 4, limit)
	require.Empty(t, changes)
	require.Equal(t, limit, need)
	changes, need = Fit(c, one, four, nil, 0, 4, limit-1)
	require.NotEmpty(t, changes, "the others' memory is made smaller, too")
	require.Less(t, need, limit)
}
