//go:build amd64 && !purego

package kernel

import (
	"testing"

	"github.com/klauspost/cpuid/v2"
	"github.com/stretchr/testify/require"
)

// A processor has a level if, and only if, it lacks no feature for it.
func TestLevelsAndLacksAgree(t *testing.T) {
	works := func() bool { return true }
	everything := func() *cpuid.CPUInfo {
		c := &cpuid.CPUInfo{VendorID: cpuid.AMD}
		for _, n := range needs() {
			c.Enable(n.features...)
		}
		return c
	}
	one := func() float64 { return 1 }
	check := func(c *cpuid.CPUInfo, without string) {
		missing := map[string]bool{}
		for _, l := range lacksOf(c, works) {
			missing[l.Level] = true
			require.Contains(t, l.Features, without)
		}
		for _, n := range needs() {
			has := false
			for _, l := range levelsOf(c, works, one, one) {
				has = has || l.Name == n.level
			}
			require.Equal(t, !missing[n.level], has, "%s without %s", n.level, without)
		}
	}
	check(everything(), "")
	for _, n := range needs() {
		for _, f := range n.features {
			c := everything()
			c.Disable(f)
			check(c, f.String())
		}
	}
	works = func() bool { return false }
	check(everything(), "the system's permission to use tiles, and right results of a trial")
}
