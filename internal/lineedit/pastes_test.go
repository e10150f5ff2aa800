package lineedit

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMarksStandForPastes(t *testing.T) {
	var p pastes
	require.Equal(t, "one\n\ttwo é", p.shown("one\n\ttwo é"))
	red := p.shown("\x1b[31mred\n")
	require.Equal(t, "[paste 1: 1 line, 8 characters]", red)
	// A paste that looks like the mark of another is not replaced.
	tricky := p.shown(red + "\x00")
	require.Equal(t, "a \x1b[31mred\n b "+red+"\x00", p.whole("a "+red+" b "+tricky))
	require.Equal(t, "nothing", p.whole("nothing"))
	require.Equal(t, "[paste 9: none]", p.whole("[paste 9: none]"))
}

func TestRowsAreNeverUnderestimated(t *testing.T) {
	for text, want := range map[string]int{
		"": 1, "a": 1, strings.Repeat("a", 15): 1, strings.Repeat("a", 16): 2, "a\nb": 2, "a\n": 2, "日本語日本語日本": 2, "\ta\t": 2,
	} {
		require.Equal(t, want, rows(text, 20), text)
	}
}
