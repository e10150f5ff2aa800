package human

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestColumnsAreAligned(t *testing.T) {
	require.Equal(t, "β     two\nlong\nx     y    z\n", Table([][]string{{"β", "two"}, {"long", ""}, {"x", "y", "z"}}))
	require.Equal(t, "", Table(nil))
}
