package human

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestParagraphsAreFilled(t *testing.T) {
	require.Equal(t, "one two\nthree\n\nfour", Wrap("one\ntwo three\n\nfour", 7))
}

func TestRowsKeepTheirColumns(t *testing.T) {
	require.Equal(t, "text\n  train    learn an\n           adapter\n  serve    answer",
		Wrap("text\n  train    learn an adapter\n  serve    answer", 20))
	require.Equal(t, "  a long one\n    that goes\n    on", Wrap("  a long one that goes on", 13))
	require.Equal(t, "  a_very_long_name\n      text text", Wrap("  a_very_long_name  text text", 24),
		"no room for two columns")
}

func TestTextHangsFromItsColumn(t *testing.T) {
	require.Equal(t, "  --rank      rank of\n              LoRA", Hang("  --rank", "rank of LoRA", 14, 22))
	require.Equal(t, "  --a_long_name\n      rank", Hang("  --a_long_name", "rank", 6, 22))
	require.Equal(t, "äöü äöü\näöü", Hang("", "äöü äöü äöü", 0, 7), "letters count, not bytes")
}

func TestNoLineIsWiderThanTheTerminal(t *testing.T) {
	text := "some words of a text that goes on and on\n  with      rows of two columns which go on as well\n\n  and " +
		"a plain one that is also long"
	for width := 20; width < 100; width++ {
		for line := range strings.Lines(Wrap(text, width)) {
			require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), width)
		}
	}
}
