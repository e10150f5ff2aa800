package machine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheProcessorHasAName(t *testing.T) {
	require.NotEmpty(t, Processor())
	require.Equal(t, "ARMv7 Processor rev 3", named("processor\t: 0\nmodel name\t: ARMv7 Processor rev 3\n"))
	require.Equal(t, "", named("processor\t: 0\n"))
}

func TestListsOfProcessorsAreCounted(t *testing.T) {
	for list, want := range map[string]int{"": 0, "0": 1, "0-3": 4, "0-3,8": 5, "0,2-3,10-11": 5} {
		require.Equal(t, want, listed(list), list)
	}
	require.GreaterOrEqual(t, Processors(), 1)
}
