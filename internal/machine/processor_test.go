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
