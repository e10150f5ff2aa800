//go:build unix

package peers

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// requireEnded requires that the process which a fake program started and left is gone, or waits to be collected.
func requireEnded(t *testing.T, dir string) {
	text, err := os.ReadFile(filepath.Join(dir, "hanging"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(string(text))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		stat, _ := os.ReadFile("/proc/" + string(text) + "/stat")
		return syscall.Kill(pid, 0) != nil || strings.Contains(string(stat), ") Z ")
	}, 10*time.Second, time.Millisecond)
}
