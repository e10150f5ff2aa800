package human

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestThousandsAreSeparatedByCommas(t *testing.T) {
	for n, want := range map[int]string{
		0: "0", 7: "7", 999: "999", 1000: "1,000", 30720: "30,720", 1234567: "1,234,567", -999: "-999", -1000: "-1,000",
	} {
		require.Equal(t, want, Count(n))
	}
}

func TestSizesHaveTheirUnit(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 KiB", 2048: "2 KiB", 5 << 20: "5 MiB", 3 << 29: "1.50 GiB", 45 << 29: "22.5 GiB",
	} {
		require.Equal(t, want, Bytes(n))
	}
}

func TestTimesAreToldByTheirAge(t *testing.T) {
	now := time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)
	for ago, want := range map[time.Duration]string{
		-30 * time.Second: "now", 0: "now", 59 * time.Second: "now", time.Minute: "1 min ago", 90 * time.Minute: "1 h ago",
		47 * time.Hour: "47 h ago", 48 * time.Hour: "2 days ago", 31 * 24 * time.Hour: "2026-02-28",
		-2 * time.Hour: "2026-03-31",
	} {
		require.Equal(t, want, Ago(now.Add(-ago), now), ago)
	}
}

func TestPlainNamesControlNoTerminal(t *testing.T) {
	require.Equal(t, "a?[31m?b ü 名", Plain("a\x1b[31m\nb ü 名"))
	require.Equal(t, "x?y", Plain("x\u202ey"), "text that runs to the left")
}
