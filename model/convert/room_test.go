package convert

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
	"fettle/internal/machine"
)

func TestModelsLargerThanTheDiskAreNotBegun(t *testing.T) {
	dir := t.TempDir()
	if _, ok := machine.AvailableDisk(dir); !ok {
		t.Skip("the system does not report disk space")
	}
	require.NoError(t, room(dir, []checkpoint.Lazy{{Type: checkpoint.F32, Shape: []int{2, 3}}}))
	half := checkpoint.Lazy{Type: checkpoint.BF16, Shape: []int{1 << 40, 1 << 12}}
	require.ErrorContains(t, room(dir, []checkpoint.Lazy{half, half}), "the weights take 16777216.0 GiB, and ")
}
