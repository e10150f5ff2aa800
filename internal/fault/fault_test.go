package fault

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheOutermostMarkCounts(t *testing.T) {
	err := errors.New("rank is 0")
	marked := Mark(fmt.Errorf("config: %w", Mark(err, Usage)), Input)
	require.Equal(t, Input, Of(fmt.Errorf("train: %w", marked)))
	require.ErrorIs(t, marked, err)
	require.EqualError(t, marked, "config: rank is 0")
	require.Equal(t, Program, Of(err))
	require.NoError(t, Mark(nil, Usage))
	require.Equal(t, Program, Of(nil))
}
