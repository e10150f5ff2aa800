package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

// under runs the program with ulimit -v of so many MiB and returns what it said and its exit code.
func under(t *testing.T, mib int, args ...string) (said string, code int) {
	cmd := exec.Command("sh", append([]string{"-c", fmt.Sprintf(`ulimit -v %d; exec "$0" "$@"`, mib<<10), os.Args[0]},
		args...)...)
	cmd.Env = append(os.Environ(), "FETTLE_TEST_RUN=1")
	text, err := cmd.CombinedOutput()
	if err != nil {
		require.IsType(t, &exec.ExitError{}, err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// sparse writes a model whose file is so many GiB long and takes no disk.
func sparse(t *testing.T, gib int64) string {
	base := tiny(t, tinymodel.Config{})
	require.NoError(t, os.Truncate(filepath.Join(base, "model.safetensors"), gib<<30))
	return base
}

func TestALimitOnAddressesIsARefusalAndNoTrace(t *testing.T) {
	small := tiny(t, tinymodel.Config{Hidden: 64, Layers: 16, MaxPositions: 1 << 20})
	large := sparse(t, 9)
	for _, c := range []struct {
		name string
		args []string
		want string
		code int
	}{
		{"generate, a file that is too long to map", []string{"generate", "--raw", "--prompt", "a", "--model_name_or_path",
			large}, "leaves no room for its 9216 MiB", exitRefused},
		{"train", training(large, rows(t, 8), filepath.Join(t.TempDir(), "run")), "leaves no room for its 9216 MiB",
			exitRefused},
		{"a context that does not fit", []string{"generate", "--raw", "--prompt", "a", "--model_name_or_path", small,
			"--max_context", "1048576"}, "available (ulimit -v): ", exitRefused},
		{"one that fits", []string{"generate", "--raw", "--prompt", "a", "--model_name_or_path", small, "--max_new_tokens",
			"2"}, "The context is ", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			said, code := under(t, 4000, c.args...)
			require.Equal(t, c.code, code, said)
			require.Contains(t, said, c.want)
			require.NotContains(t, said, "goroutine")
			require.Less(t, strings.Count(said, "\n"), 15)
		})
	}
}
