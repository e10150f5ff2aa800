//go:build mpi && linux

package mpi

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSignalsThatALibraryTakesAreGivenBack(t *testing.T) {
	ours := readHandlers()
	taken := ours[syscall.SIGUSR1]
	require.Greater(t, taken[0], uintptr(1), "Go handles it")
	taken[1] ^= 0x08000000 // SA_ONSTACK
	sigaction(int(syscall.SIGUSR1), &taken, nil)
	require.NotEqual(t, ours, readHandlers())
	ours.restore()
	require.Equal(t, ours, readHandlers())
}
