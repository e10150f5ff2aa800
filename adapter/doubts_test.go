package adapter

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model"
)

func TestRankAboveEveryMatrixIsRefused(t *testing.T) {
	c := &model.Config{Hidden: 64, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 16, Intermediate: 96, Vocab: 100}
	l := Defaults().LoRA
	for rank, want := range map[int]string{
		64: "", 65: "lora_rank 65, want 1 … 64", 100000: "lora_rank 100000, want 1 … 64",
	} {
		l.Rank = rank
		if err := l.Check(c); want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, want)
		}
	}
	l.Stored = true
	require.NoError(t, l.Check(c), "a file may have any")
}

func TestSettingsThatAreHardlyMeantAreDoubted(t *testing.T) {
	c := &model.Config{Hidden: 64, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 16, Intermediate: 96, Vocab: 100,
		MaxPositions: 512}
	for _, d := range []struct {
		reason string
		set    func(*Methods)
		want   string // "": none
	}{
		{"defaults", func(*Methods) {}, ""},
		{"a rank below the narrowest", func(m *Methods) { m.LoRA.Rank = 31 }, ""},
		{"the rank of the narrowest", func(m *Methods) { m.LoRA.Rank = 32 }, "lora_rank is 32: no matrix of v_proj has a " +
			"rank above 32, and LoRA would train 3072 numbers where the whole matrix has 2048; set it to 8 or fewer"},
		{"the rank of all", func(m *Methods) { m.LoRA.Rank = 64 }, "no matrix of q_proj, v_proj has"},
		{"a negative scale", func(m *Methods) { m.LoRA.Alpha = -16 }, "write 16"},
		{"a large scale", func(m *Methods) { m.LoRA.Alpha = 1600 }, "output is multiplied by 200"},
		{"most inputs dropped", func(m *Methods) { m.LoRA.Dropout = 0.9 }, "lora_dropout is 0.9"},
	} {
		t.Run(d.reason, func(t *testing.T) {
			m := Defaults()
			d.set(&m)
			all := Doubts(m.LoRA, c)
			if d.want == "" {
				require.Empty(t, all)
				return
			}
			require.Len(t, all, 1)
			require.Contains(t, all[0].Text, d.want)
		})
	}
	m := Defaults().LLaMAAdapter
	require.Empty(t, Doubts(m, c))
	m.Len = 5000
	require.Equal(t, "adapter_len", Doubts(m, c)[0].Key)
}
