package settings

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Some lines of aliases can stand for 2⁴⁰ mappings, or for themselves.
func TestMergesAreBounded(t *testing.T) {
	var doubling strings.Builder
	doubling.WriteString("<<: &a0 {}\n")
	for i := range 40 {
		fmt.Fprintf(&doubling, "<<: &a%d {<<: *a%d, <<: *a%d}\n", i+1, i, i)
	}
	for name, text := range map[string]string{
		"doubled again and again": doubling.String(),
		"in itself":               "<<: &y\n  <<: &z\n    <<: *y\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := load(t, "--config", written(t, text))
			require.ErrorContains(t, err, "more than 1000 mappings are merged")
		})
	}
}

// For each unknown key the nearest known one is looked for.
func TestKeysOfAFileAreBounded(t *testing.T) {
	var text strings.Builder
	for i := range maxKeys + 1 {
		fmt.Fprintf(&text, "key_%d: 1\n", i)
	}
	_, _, err := load(t, "--config", written(t, text.String()))
	require.ErrorContains(t, err, "2001 settings, want at most 2000")
}
