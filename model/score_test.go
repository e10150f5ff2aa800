package model_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
	"fettle/model"
)

// Decoded at once, token by token, scored in pieces, and again after a part was taken back: a position's logits are the
// same bits, and those of the whole sequence in one forward pass.
func TestLogitsDoNotDependOnHowTheyWereReached(t *testing.T) {
	m := load(t, tinymodel.Config{}, fast(t, 2))
	tokens := make([]int32, 45)
	for i := range tokens {
		tokens[i] = int32((i*7 + 3) % m.Config().Vocab)
	}
	want := make([][]float32, len(tokens))
	one := m.NewSession(0)
	for i := range tokens {
		z, err := one.Decode(tokens[i : i+1])
		require.NoError(t, err)
		want[i] = slices.Clone(z)
	}
	for _, cut := range []int{1, 5, 16, 17, 44} {
		s := m.NewSession(0)
		at := 0
		visit := func(i int, z []float32) {
			require.Equal(t, want[at+i], z, fmt.Sprintf("cut at %d, position %d", cut, at+i))
		}
		require.NoError(t, s.Score(tokens[:cut], visit))
		at = cut
		require.NoError(t, s.Score(tokens[cut:], visit))

		// A detour is taken back.
		s.Truncate(cut)
		_, err := s.Decode([]int32{1, 2, 3})
		require.NoError(t, err)
		s.Truncate(cut)
		z, err := s.Decode(tokens[cut:])
		require.NoError(t, err)
		require.Equal(t, want[len(want)-1], z)
	}
	require.ErrorContains(t, m.NewSession(3).Score(tokens, nil), "more than the context")
}

// A session takes the memory that it was asked to reserve, and never more than its capacity.
func TestSessionsTakeNoMoreThanTheirCapacity(t *testing.T) {
	m := load(t, tinymodel.Config{MaxPositions: 256}, fast(t, 1))
	tokens := make([]int32, 100)
	for _, reserve := range []int{0, 60, 1000} {
		s := m.NewSession(100)
		s.Reserve(reserve)
		for i := range tokens {
			_, err := s.Decode(tokens[i : i+1])
			require.NoError(t, err)
			if rows := model.Reserved(s); i < reserve {
				require.Equal(t, min(reserve, 100), rows)
			} else {
				require.LessOrEqual(t, rows, min(100, i+1+(i+1)/4))
			}
		}
	}
}
