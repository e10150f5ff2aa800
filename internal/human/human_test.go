package human

import (
	"testing"

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
