package lineedit

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// open reports whether a message has an odd number of quotes.
func open(text string) bool { return strings.Count(text, `"`)%2 == 1 }

func TestLinesOfAPipeAreMessages(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	for reason, c := range map[string]struct {
		typed string
		want  []string
		end   string
	}{
		"one after another":       {"a\nb\n", []string{"a", "b"}, "EOF"},
		"the last without an end": {"a\nb", []string{"a", "b"}, "EOF"},
		"lines of Windows":        {"a\r\nb\r\n", []string{"a", "b"}, "EOF"},
		"empty ones":              {"\n\na\n", []string{"", "", "a"}, "EOF"},
		"an open one goes on":     {"\"a\n\nb\"\nc\n", []string{"\"a\n\nb\"", "c"}, "EOF"},
		"an open one at the end":  {"a\n\"b\n", []string{"a"}, `the input ends inside of a message: "\"b"`},
		"beyond 4,095 bytes":      {long + "\n", []string{long}, "EOF"},
		"beyond all measure": {"a\n" + strings.Repeat("x", longest+1), []string{"a"},
			"a line is longer than 16 MiB"},
	} {
		t.Run(reason, func(t *testing.T) {
			var out bytes.Buffer
			r := New(strings.NewReader(c.typed), &out, Options{Prompt: "> ", Open: open})
			require.False(t, r.Edits)
			for _, want := range c.want {
				got, err := r.Read(t.Context())
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
			_, err := r.Read(t.Context())
			require.EqualError(t, err, c.end)
			require.Equal(t, strings.Repeat("> ", len(c.want)+1), out.String())
		})
	}
}

// A message that nobody waited for any more is not lost.
func TestWaitingEndsWithTheContext(t *testing.T) {
	in, typed := io.Pipe()
	r := New(in, io.Discard, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.Read(ctx)
	require.ErrorIs(t, err, context.Canceled)
	go func() { io.WriteString(typed, "late\n") }()
	got, err := r.Read(t.Context())
	require.NoError(t, err)
	require.Equal(t, "late", got)
}
