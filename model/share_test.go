package model_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
)

// branches are sequences with n tokens in common, followed by rests[i] tokens of their own. The first learns
// every token, the others only their own and a part of the common ones.
func branches(seed uint64, n int, rests ...int) (tokens, labels [][]int32) {
	rng := rand.New(rand.NewPCG(seed, 9))
	draw := func(k int) []int32 {
		ids := make([]int32, k)
		for i := range ids {
			ids[i] = int32(rng.IntN(40))
		}
		return ids
	}
	trunk := draw(n)
	for i, rest := range rests {
		ids := slices.Concat(trunk, []int32{int32(i)}, draw(rest-1))
		want := slices.Clone(ids)
		for t := range min(n, 3*i) {
			want[t] = model.Ignore
		}
		tokens, labels = append(tokens, ids), append(labels, want)
	}
	return tokens, labels
}

func total(losses []float64) (sum float64) {
	for _, l := range losses {
		sum += l
	}
	return sum
}

func TestSharedEqualsPacked(t *testing.T) {
	tokens, labels := branches(1, 14, 6, 1, 9, 3)
	more, learn := branches(2, 11, 4, 2)
	tokens, labels = slices.Insert(tokens, 2, more...), slices.Insert(labels, 2, learn...)
	tokens, labels = append(tokens, []int32{5, 6, 7}), append(labels, []int32{5, 6, 7})
	packed, shared := model.Pack(tokens, labels), model.PackShared(tokens, labels)
	require.Equal(t, len(packed.Tokens)-3*14-11, len(shared.Tokens))

	for name, dev := range devices(t) {
		t.Run(name, func(t *testing.T) {
			base := load(t, tinymodel.Config{}, dev)
			one, want := attach(base, 0, model.Places()...)
			two, got := attach(base, 0, model.Places()...)
			a, err := one.Gradients(packed, model.Uniform(0.25))
			require.NoError(t, err)
			b, err := two.Gradients(shared, model.Uniform(0.25))
			require.NoError(t, err)
			require.InEpsilon(t, total(a), total(b), 1e-6)
			for i := range want {
				require.InDeltaSlice(t, want[i].grad, got[i].grad, 2e-4, "delta %d", i)
			}
		})
	}
}

func TestSharedWeightGradientsEqualPacked(t *testing.T) {
	tokens, labels := branches(3, 12, 5, 8, 1)
	var want []model.Weight
	for _, b := range []*model.Batch{model.Pack(tokens, labels), model.PackShared(tokens, labels)} {
		m := load(t, tinymodel.Config{Tied: true}, ref.New())
		u, err := m.Unfreeze(nil)
		require.NoError(t, err)
		_, err = m.Gradients(b, model.Uniform(0.1))
		require.NoError(t, err)
		u.Finish()
		if want == nil {
			want = u.Weights()
		}
		for i, w := range u.Weights() {
			require.InDeltaSlice(t, want[i].Grad, w.Grad, 2e-5, w.Name)
		}
	}
}

func TestSharedLayout(t *testing.T) {
	trunk := []int32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	with := func(rest ...int32) []int32 { return slices.Concat(trunk, rest) }
	for _, c := range []struct {
		name   string
		tokens [][]int32
		want   []compute.Segment
	}{
		{"nothing in common", [][]int32{{1, 2}, {3, 4}}, []compute.Segment{{Len: 2}, {Row: 2, Key: 2, Len: 2}}},
		{"too little in common", [][]int32{{1, 2, 3}, {1, 2, 4}},
			[]compute.Segment{{Len: 3}, {Row: 3, Key: 3, Len: 3}}},
		{"two that share, one between", [][]int32{with(20), {9}, with(21, 22)}, []compute.Segment{
			{Len: 10}, {Row: 10, Key: 10, Len: 1, PrefixLen: 10},
			{Row: 11, Key: 11, Len: 2, PrefixLen: 10}, {Row: 13, Key: 13, Len: 1}}},
		{"equal ones keep their last token", [][]int32{with(), with()}, []compute.Segment{
			{Len: 9}, {Row: 9, Key: 9, Len: 1, PrefixLen: 9}, {Row: 10, Key: 10, Len: 1, PrefixLen: 9}}},
		{"three share more than two", [][]int32{with(1, 2), with(1, 2, 3), with(4)}, []compute.Segment{
			{Len: 10}, {Row: 10, Key: 10, Len: 2, PrefixLen: 10},
			{Row: 12, Key: 12, Len: 3, PrefixLen: 10}, {Row: 15, Key: 15, Len: 1, PrefixLen: 10}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, model.PackShared(c.tokens, nil).Segments)
		})
	}
}

func TestSharedTargetsCountOncePerSequence(t *testing.T) {
	tokens := [][]int32{{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12},
		{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13}}
	labels := [][]int32{slices.Clone(tokens[0]), slices.Clone(tokens[1]), slices.Clone(tokens[2])}
	labels[1][3] = model.Ignore
	b := model.PackShared(tokens, labels)
	require.Equal(t, []model.Target{{0, 2, 3}, {1, 3, 3}, {2, 4, 2}}, b.Targets[:3])
	require.Equal(t, []model.Target{{9, 11, 1}, {9, 12, 2}, {12, 13, 1}}, b.Targets[9:])
	require.Equal(t, []uint64{0, 1, 2, 3}, b.Samples)
}
