package budget

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// failing notes whether a test would fail.
type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Errorf(string, ...any) { f.failed = true }

func TestAnInputTakesNoMoreThanItMay(t *testing.T) {
	for size, fails := range map[int]bool{fixed / 2: false, fixed + 200*perByte: true} {
		f := &failing{TB: t}
		end := Of(f, 100)
		kept := make([]byte, size)
		end()
		require.Len(t, kept, size)
		require.Equal(t, fails, f.failed, size)
	}
}
