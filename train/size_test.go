package train

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSizesAreRead(t *testing.T) {
	for text, want := range map[string]int64{
		"8G": 8 << 30, "8GiB": 8 << 30, "1.5g": 3 << 29, "512M": 512 << 20, "100": 100, " 2 TB": 2 << 40,
	} {
		got, err := Bytes(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "G", "-1G", "8X", "1e30G", "NaN"} {
		_, err := Bytes(text)
		require.ErrorContains(t, err, "such as 8G", text)
	}
}
