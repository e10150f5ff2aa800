package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

// A run has the same bits in an empty environment and in an odd one: another time zone, another language, a home and
// a cache that are not there.
func TestTheEnvironmentChangesNoBits(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 14)
	in := func(more ...string) string {
		out := filepath.Join(t.TempDir(), "run")
		cmd := exec.Command(os.Args[0], training(base, set, out, "--eval_steps", "2", "--save_steps", "2",
			"--load_best_model_at_end")...)
		cmd.Env = append([]string{"FETTLE_TEST_RUN=1"}, more...)
		text, err := cmd.CombinedOutput()
		require.NoError(t, err, string(text))
		return outcome(t, out)
	}
	require.Equal(t, in(), in("TZ=Asia/Kathmandu", "LC_ALL=tr_TR.UTF-8", "LANG=tr_TR.UTF-8", "HOME=/nonexistent",
		"XDG_CACHE_HOME=/nonexistent", "TMPDIR=/nonexistent", "USER="))
}
